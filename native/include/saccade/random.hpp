#pragma once

#include <array>
#include <cstdint>

namespace saccade {

/// Which picture is drawn: the same key gives the same numbers in any order, on any thread, on every machine.
struct ImageKey {
    std::uint64_t seed = 0;
    std::uint32_t epoch = 0;
    std::uint32_t image = 0;
};

/// Random numbers that are counted and not carried on: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
/// easy as 1, 2, 3"), keyed by seed, counted by epoch, image and stream.
class Random {
  public:
    using Words = std::array<std::uint32_t, 4>;

    /// stream: numbers for one purpose do not depend on how many another one takes.
    explicit Random(ImageKey key, std::uint32_t stream = 0)
        : key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32U)},
          counter_{0, stream, key.image, key.epoch} {}

    /// Uniform over all 32-bit numbers.
    std::uint32_t next() {
        if (used_ == words_.size()) {
            words_ = philox(counter_, key_);
            ++counter_[0];
            used_ = 0;
        }
        return words_[used_++];
    }
    /// Uniform over [0, 1), in steps of 2^-32.
    double uniform() { return next() * 0x1p-32; }
    double uniform(double low, double high) { return low + (high - low) * uniform(); }
    /// Uniform over low to high, both included, without bias (Lemire 2019).
    int integer(int low, int high);
    bool chance(double probability) { return uniform() < probability; }
    /// Of a Beta(alpha, alpha) distribution.   alpha: above 0. Its last bit may depend on the C library.
    double symmetric_beta(double alpha);

    /// The function itself, for its known answers.
    static Words philox(Words counter, std::array<std::uint32_t, 2> key);

  private:
    double normal();
    double gamma(double shape);

    std::array<std::uint32_t, 2> key_;
    Words counter_;
    Words words_{};
    std::size_t used_ = 4;
};

}  // namespace saccade
