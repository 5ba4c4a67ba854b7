#pragma once

#include <string>

#include "saccade/engine.hpp"

namespace saccade {

/// The network of an OpenVINO IR, compiled for this machine's processor: a lane a thread where there are several.
///
/// model: path of the .xml, its .bin beside it.   size: H and W.   threads: 0 means every processor.   precision:
/// kBfloat16 becomes kFloat32 on a processor without bfloat16 instructions; a quantised network is kInt8 in any case.
/// Raises Error{kEngine} for a model that is missing, damaged, or of another shape than size, and for kInt8 where no
/// layer is quantised.
Engines open_openvino(const std::string& model, Size size, unsigned threads, Precision precision);

}  // namespace saccade
