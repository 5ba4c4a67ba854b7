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

const Kernels& kernels() {
#ifdef SACCADE_X86_64
    static const Kernels& best = __builtin_cpu_supports("x86-64-v4")   ? avx512::kKernels
                                 : __builtin_cpu_supports("x86-64-v3") ? avx2::kKernels
                                                                       : baseline::kKernels;
    return best;
#else
    return baseline::kKernels;
#endif
}

}  // namespace saccade
