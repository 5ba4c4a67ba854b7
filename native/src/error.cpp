#include "saccade/error.hpp"

namespace saccade {

std::string_view code_name(Code code) {
    switch (code) {
        case Code::kArgument:
            return "argument";
        case Code::kEngine:
            return "engine";
        case Code::kFormat:
            return "format";
        case Code::kLimit:
            return "limit";
        case Code::kMemory:
            return "memory";
        case Code::kSpec:
            return "spec";
        case Code::kTruncated:
            return "truncated";
        case Code::kUnknownFormat:
            return "unknown_format";
        case Code::kUnsupported:
            return "unsupported";
    }
    return "unknown";
}

}  // namespace saccade
