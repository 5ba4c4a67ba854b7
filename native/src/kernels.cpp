#include "kernels.hpp"

namespace saccade {

namespace baseline {
extern const Kernels kKernels;
}
#ifdef SACCADE_X86_64
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif

namespace {

#ifdef SACCADE_X86_64
constexpr const Kernels* kVersions[] = {&baseline::kKernels, &avx2::kKernels, &avx512::kKernels};

// Exactly the features that CMakeLists.txt compiles the versions with.
std::size_t count_supported() {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma")) return 1;
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return has_avx512 ? 3 : 2;
}
#else
constexpr const Kernels* kVersions[] = {&baseline::kKernels};

std::size_t count_supported() {
    return 1;
}
#endif

}  // namespace

std::span<const Kernels* const> supported_kernels() {
    static const std::size_t count = count_supported();
    return std::span(kVersions).first(count);
}

const Kernels& kernels() {
    return *supported_kernels().back();
}

}  // namespace saccade
