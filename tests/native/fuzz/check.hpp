#pragma once

#include "saccade/error.hpp"

namespace saccade::fuzz {

/// Ends the process, which libFuzzer reports as a crash, unless claim holds.
void require(bool claim);

/// Requires what every error of a bad image promises: a code that speaks of the image, and a message of our own.
void check_error(const Error& error);

}  // namespace saccade::fuzz
