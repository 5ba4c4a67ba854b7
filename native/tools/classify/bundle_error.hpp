#pragma once

#include <stdexcept>

namespace saccade::classify {

/// A bundle is incomplete, damaged, altered or of another version. The message names the file and says what to do.
class BundleError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace saccade::classify
