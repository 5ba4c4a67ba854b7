#include "saccade/engine_abi.h"

/// A module of a version to come, whose saccade_engine_open would take something else: it must not be called.
extern "C" __attribute__((visibility("default"))) uint32_t saccade_engine_abi_version() {
    return SACCADE_ENGINE_ABI_VERSION + 1;
}
