#pragma once

#include <memory>
#include <string>

#include "saccade/engine.hpp"

namespace saccade {

/// The network of `model`, run by the engine in the shared library `module`, as engine_abi.h describes it.
///
/// size: H and W.   threads: 0 means every processor.   A module is code and runs with all rights of this process: open
/// none whose origin is not known. It stays loaded until the process ends, since what it started may still run.
/// Raises Error{kEngine} for a library that does not load, is no module or speaks another version, and for a model that
/// the module refuses, with the module's reason.
std::unique_ptr<Engine> open_engine_module(const std::string& module, const std::string& model, Size size,
                                           unsigned threads);

}  // namespace saccade
