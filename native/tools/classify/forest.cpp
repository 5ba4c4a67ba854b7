#include "forest.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bundle_error.hpp"
#include "npz.hpp"

namespace saccade::classify {

namespace {

/// Moves an array of so many dimensions out of the archive.
template <typename Number>
std::vector<Number> take(Npz& npz, std::string_view name, std::size_t dimensions) {
    const Npz::node_type taken = npz.extract(std::string(name));
    if (taken.empty()) throw BundleError("Array '" + std::string(name) + "' is missing.");
    const NpyArray& array = taken.mapped();
    try {
        if (array.shape.size() != dimensions) {
            throw BundleError("It has " + std::to_string(array.shape.size()) + " dimensions, not " +
                              std::to_string(dimensions) + ".");
        }
        return array.values<Number>();
    } catch (const BundleError& error) {
        throw BundleError("Array '" + std::string(name) + "': " + error.what());
    }
}

/// The last side of an array; 0 if there is none.
std::size_t columns(const Npz& npz, std::string_view name) {
    const auto found = npz.find(name);
    return found == npz.end() || found->second.shape.empty() ? 0 : found->second.shape.back();
}

}  // namespace

IsolationForest parse_forest(Bytes bytes) {
    Npz npz = parse_npz(bytes);
    IsolationForestArrays forest;
    forest.features = columns(npz, "centres");
    forest.centres = take<float>(npz, "centres", 2);
    forest.roots = take<std::int32_t>(npz, "roots", 1);
    forest.feature = take<std::int32_t>(npz, "feature", 1);
    forest.threshold = take<double>(npz, "threshold", 1);
    forest.left = take<std::int32_t>(npz, "left", 1);
    forest.right = take<std::int32_t>(npz, "right", 1);
    forest.path_length = take<double>(npz, "path_length", 1);
    forest.normalizer = take<double>(npz, "normalizer", 0).front();
    if (!npz.empty()) throw BundleError("Array '" + npz.begin()->first + "' is none of a forest's.");
    return IsolationForest(std::move(forest));
}

}  // namespace saccade::classify
