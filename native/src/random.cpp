#include "saccade/random.hpp"

#include <cmath>
#include <numbers>

namespace saccade {

Random::Words Random::philox(Words counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return counter;
}

int Random::integer(int low, int high) {
    const std::uint64_t count = static_cast<std::uint64_t>(std::int64_t{high} - low) + 1;
    const std::uint64_t unfair = (std::uint64_t{1} << 32U) % count;
    std::uint64_t product = next() * count;
    while ((product & 0xFFFFFFFF) < unfair) product = next() * count;
    return static_cast<int>(low + static_cast<std::int64_t>(product >> 32U));
}

double Random::symmetric_beta(double alpha) {
    const double left = gamma(alpha);
    const double right = gamma(alpha);
    // Both may vanish for a tiny alpha, where nearly all of the weight lies at 0 and at 1.
    return left + right > 0 ? left / (left + right) : (chance(0.5) ? 1.0 : 0.0);
}

double Random::normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
}

/// Marsaglia and Tsang 2000, with their step for shapes below 1.
double Random::gamma(double shape) {
    if (shape < 1) return gamma(shape + 1) * std::pow(1 - uniform(), 1 / shape);
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    while (true) {
        const double x = normal();
        const double v = std::pow(1 + c * x, 3);
        if (v > 0 && std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
}

}  // namespace saccade
