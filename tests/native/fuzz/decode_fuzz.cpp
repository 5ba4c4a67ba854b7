#include "check.hpp"
#include "saccade/decode.hpp"

// Any bytes of one format: a picture within the limits comes back, or an Error that speaks of the image.

namespace {

// Small enough for hundreds of pictures a second.
constexpr saccade::Limits kLimits{.max_bytes = 1 << 20, .max_side = 4096, .max_pixels = 1 << 18, .max_scans = 20};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const saccade::Bytes image(data, size);
    if (saccade::detect_format(image) != saccade::Format::SACCADE_FUZZ_FORMAT) return 0;
    try {
        const saccade::Size decoded = saccade::decode(image, kLimits).size();
        saccade::fuzz::require(decoded.height >= 1 && decoded.width >= 1 && decoded.pixels() <= kLimits.max_pixels);
    } catch (const saccade::Error& error) {
        saccade::fuzz::check_error(error);
    }
    return 0;
}
