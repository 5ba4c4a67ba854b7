#pragma once

#include <memory>
#include <string>

#include "saccade/engine.hpp"

namespace saccade {

/// The network of an AOTInductor package (.pt2), run by libtorch on the kind of device that it was compiled for.
///
/// The package is machine code: it is unpacked below TMPDIR, loaded and run.   threads: of a package for the CPU, at
/// least 1.
/// Raises Error{kEngine} for a package that is missing, damaged, for another processor or device than is here, or of
/// another shape than size.
std::unique_ptr<Engine> open_torch(const std::string& package, Size size, int threads);

}  // namespace saccade
