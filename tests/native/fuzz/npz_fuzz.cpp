#include "npz.hpp"

#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "check.hpp"
#include "forest.hpp"
#include "saccade/error.hpp"

// Any bytes as an archive of arrays, as a forest, and as one array: an archive's checksums stop nearly every mutation
// before an array is looked at. What is read holds what its shape says, and a forest scores without leaving its nodes.

namespace saccade::fuzz {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

template <typename Read>
void read_or_refuse(Read read) {
    try {
        read();
    } catch (const classify::BundleError& error) {
        require(!std::string(error.what()).empty());
    } catch (const Error& error) {
        require(error.code() == Code::kSpec);  // trees that do not hang together
    }
}

void check_array(const classify::NpyArray& array) {
    std::size_t elements = 1;
    for (const std::size_t side : array.shape) elements *= side;
    require(array.bytes.size() == elements * (array.type == "<f8" ? 8 : 4));
}

void check_archive(Bytes bytes) {
    for (const auto& [name, array] : classify::parse_npz(bytes, kMostBytes)) check_array(array);
    const IsolationForest forest = classify::parse_forest(bytes);
    const double score = forest.score(std::vector<float>(forest.features(), 1.0F));
    require(!(score < 0));  // a path length that is not a number gives a score that is none
}

}  // namespace

}  // namespace saccade::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const saccade::Bytes bytes(data, size);
    saccade::fuzz::read_or_refuse([&] { saccade::fuzz::check_archive(bytes); });
    saccade::fuzz::read_or_refuse([&] { saccade::fuzz::check_array(saccade::classify::parse_npy(bytes)); });
    return 0;
}
