#pragma once

#include "saccade/image.hpp"

namespace saccade {

/// The EXIF orientation tag, 1 to 8, of a TIFF block with or without the "Exif\0\0" prefix; 1 where there is none.
int exif_orientation(Bytes exif);

}  // namespace saccade
