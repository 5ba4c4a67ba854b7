#include "saccade/prepare.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "check.hpp"
#include "exif_block.hpp"

// The whole preparation under a specification, limits and an EXIF orientation that the first bytes choose. Beside the
// sanitizers, it checks that a smaller crop of the same picture holds the same pixels, though less of it is decoded.

namespace saccade::fuzz {

namespace {

constexpr std::size_t kChoiceBytes = 8;
constexpr int kMargin = 2;  // pixels; an even number, so that both crops round the middle alike

using Pixels = std::vector<std::uint8_t>;

struct Choices {
    int side;
    Size crop;  ///< within side
    bool is_short;
    bool is_bicubic;
    std::uint8_t orientation;
    Limits limits;
};

Choices choices_of(Bytes bytes) {
    const int side = 1 + bytes[0];
    return {.side = side,
            .crop = {1 + bytes[1] % side, 1 + bytes[2] % side},
            .is_short = bytes[3] % 4 != 0,
            .is_bicubic = bytes[3] % 8 >= 4,
            .orientation = bytes[4],
            .limits = {.max_bytes = std::size_t{64} << (bytes[5] % 16),
                       .max_side = 16 << (bytes[5] / 16),
                       .max_pixels = std::size_t{256} << (bytes[6] % 12),
                       .max_scans = bytes[7]}};
}

std::string sides(Size size) {
    return std::to_string(size.height) + "," + std::to_string(size.width);
}

PreprocessSpec spec_of(const Choices& choices, Size size) {
    const std::string filter = choices.is_bicubic ? ";bicubic)" : ")";
    std::vector<std::string> lines{"decode"};
    if (choices.is_short) {
        lines.push_back("resize_short(" + std::to_string(choices.side) + filter);
        lines.push_back("center_crop(" + sides(size) + ")");
    } else {
        lines.push_back("resize(" + sides(size) + filter);
    }
    return PreprocessSpec::parse(lines);
}

/// The prepared pixels; none after an error.
Pixels prepared(Bytes image, const Choices& choices, Size size) {
    Pixels pixels(size.bytes());
    const ImageInfo info = prepare_image(image, spec_of(choices, size), pixels, choices.limits);
    if (!info.error) return pixels;
    check_error(*info.error);
    require(std::ranges::all_of(pixels, [](std::uint8_t level) { return level == 0; }));
    return {};
}

/// Whether the rows of inner are those in the middle of outer.
bool is_middle(const Pixels& inner, Size size, const Pixels& outer, Size outer_size) {
    const auto row_bytes = static_cast<std::ptrdiff_t>(size.width) * std::ptrdiff_t{kChannels};
    for (int y = 0; y < size.height; ++y) {
        const PixelsView outer_view{outer, outer_size};
        const std::uint8_t* expected = outer_view.row(y + kMargin) + kMargin * kChannels;
        if (!std::equal(expected, expected + row_bytes, inner.begin() + y * row_bytes)) return false;
    }
    return true;
}

void check_preparation(Bytes bytes) {
    const Choices choices = choices_of(bytes);
    const std::vector<std::uint8_t> image = with_orientation(bytes.subspan(kChoiceBytes), choices.orientation);
    const Pixels pixels = prepared(image, choices, choices.crop);
    const Size wider{choices.crop.height + 2 * kMargin, choices.crop.width + 2 * kMargin};
    if (pixels.empty() || !choices.is_short || std::max(wider.height, wider.width) > choices.side) return;
    const Pixels wider_pixels = prepared(image, choices, wider);
    require(wider_pixels.empty() || is_middle(pixels, choices.crop, wider_pixels, wider));
}

}  // namespace

}  // namespace saccade::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size >= saccade::fuzz::kChoiceBytes) saccade::fuzz::check_preparation({data, size});
    return 0;
}
