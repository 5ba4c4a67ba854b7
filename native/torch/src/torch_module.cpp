/// The two functions that make this library an engine module.
#include "saccade/engine_export.hpp"
#include "torch_engine.hpp"

SACCADE_ENGINE_EXPORT std::uint32_t saccade_engine_abi_version() {
    return SACCADE_ENGINE_ABI_VERSION;
}

SACCADE_ENGINE_EXPORT std::int32_t saccade_engine_open(const saccade_engine_request* request, saccade_engine* engine,
                                                       saccade_engine_message* message) {
    return saccade::guarded(*message, [&] {
        *engine = saccade::exported(
            saccade::open_torch(request->model, {request->height, request->width}, static_cast<int>(request->threads)));
    });
}
