#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace saccade {

/// Why a call failed. The bindings map each code to one Python class.
enum class Code {
    kArgument,       ///< The caller passed an impossible value: a wrong shape, a size of zero.
    kEngine,         ///< A model file is missing, damaged or of another shape, or the engine refused to run it.
    kFormat,         ///< The bytes claim to be JPEG, PNG or WebP but do not decode.
    kLimit,          ///< The image is larger than the caller's Limits.
    kMemory,         ///< The machine has no memory left for this image.
    kSpec,           ///< A preprocessing or scoring specification is impossible.
    kTruncated,      ///< The image ends before its last pixel.
    kUnknownFormat,  ///< The bytes are not JPEG, PNG or WebP.
    kUnsupported,    ///< A valid file of a kind that is not read: 12-bit JPEG, animated WebP.
};

/// The name of a code in snake_case, stable across releases: "truncated".
std::string_view code_name(Code code);

/// The only exception that leaves the library. The message says what happened, with which value, and what to do next.
class Error : public std::runtime_error {
  public:
    Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}

    [[nodiscard]] Code code() const { return code_; }
    [[nodiscard]] std::string message() const { return what(); }

  private:
    Code code_;
};

}  // namespace saccade
