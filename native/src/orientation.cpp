#include "orientation.hpp"

#include <tuple>
#include <utility>

namespace saccade {

namespace {

/// An orientation as: transpose first, then mirror the result's columns, then its rows.
struct Steps {
    bool transpose;
    bool mirror_columns;
    bool mirror_rows;
};

Steps steps_of(int orientation) {
    switch (orientation) {
        case 2:
            return {false, true, false};
        case 3:
            return {false, true, true};
        case 4:
            return {false, false, true};
        case 5:
            return {true, false, false};
        case 6:
            return {true, true, false};
        case 7:
            return {true, true, true};
        case 8:
            return {true, false, true};
        default:
            return {false, false, false};
    }
}

}  // namespace

void orient(PixelsView stored, int orientation, Image& upright) {
    const Steps steps = steps_of(orientation);
    const Size size = steps.transpose ? stored.size.transposed() : stored.size;
    upright.reshape(size);
    const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(stored.size.width) * std::ptrdiff_t{kChannels};
    for (int y = 0; y < size.height; ++y) {
        const int line = steps.mirror_rows ? size.height - 1 - y : y;
        // The pixels of an upright row lie along a stored row, or down a stored column when transposed.
        std::ptrdiff_t step = steps.transpose ? row_bytes : std::ptrdiff_t{kChannels};
        const std::uint8_t* from =
            stored.data.data() + line * (steps.transpose ? std::ptrdiff_t{kChannels} : row_bytes);
        if (steps.mirror_columns) {
            from += (size.width - 1) * step;
            step = -step;
        }
        std::uint8_t* to = upright.row(y);
        for (int x = 0; x < size.width; ++x, to += kChannels) {
            const std::uint8_t* pixel = from + x * step;
            to[0] = pixel[0];
            to[1] = pixel[1];
            to[2] = pixel[2];
        }
    }
}

Box orient_box(Box box, int orientation, Size stored) {
    const Steps steps = steps_of(orientation);
    Size size = stored;
    if (steps.transpose) {
        box = {box.left, box.top, box.right, box.bottom};
        size = stored.transposed();
    }
    if (steps.mirror_columns) std::tie(box.left, box.right) = std::pair(size.width - box.right, size.width - box.left);
    if (steps.mirror_rows) std::tie(box.top, box.bottom) = std::pair(size.height - box.bottom, size.height - box.top);
    return box;
}

Crop orient_crop(const Crop& crop, int orientation, Size stored) {
    const Box box{static_cast<double>(crop.top), static_cast<double>(crop.left), static_cast<double>(crop.bottom()),
                  static_cast<double>(crop.right())};
    const Box turned = orient_box(box, orientation, stored);
    return {static_cast<int>(turned.top),
            static_cast<int>(turned.left),
            {static_cast<int>(turned.height()), static_cast<int>(turned.width())}};
}

}  // namespace saccade
