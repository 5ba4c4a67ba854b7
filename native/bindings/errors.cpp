#include <array>
#include <exception>
#include <string>

#include "bindings.hpp"

namespace {

using saccade::Code;

struct ErrorClass {
    Code code;
    const char* name;
    const char* documentation;
};

// In the order of Code.
constexpr std::array kErrorClasses{
    ErrorClass{Code::kArgument, "ArgumentError", "A value that cannot be used: a wrong shape, a size of zero."},
    ErrorClass{Code::kEngine, "EngineError", "A model file is missing or damaged, or the engine refused to run it."},
    ErrorClass{Code::kFormat, "FormatError", "The bytes claim to be JPEG, PNG or WebP but do not decode."},
    ErrorClass{Code::kLimit, "LimitError", "The image is larger than the Limits."},
    ErrorClass{Code::kMemory, "OutOfMemoryError", "The machine has no memory left for this image."},
    ErrorClass{Code::kSpec, "SpecError", "A preprocessing or scoring specification is impossible."},
    ErrorClass{Code::kTruncated, "TruncatedError", "The image ends before its last pixel."},
    ErrorClass{Code::kUnknownFormat, "UnknownFormatError", "The bytes are not JPEG, PNG or WebP."},
    ErrorClass{Code::kUnsupported, "UnsupportedError", "A valid file of a kind that is not read."},
};

using PythonClasses = std::array<py::object, kErrorClasses.size()>;
PYBIND11_CONSTINIT py::gil_safe_call_once_and_store<PythonClasses> python_classes;

py::object new_class(const py::module_& module, const char* name, const char* documentation, py::handle base,
                     std::string_view code) {
    const std::string full_name = module.attr("__name__").cast<std::string>() + "." + name;
    py::dict members;
    members["code"] = py::str(code.data(), code.size());
    auto result = py::reinterpret_steal<py::object>(
        PyErr_NewExceptionWithDoc(full_name.c_str(), documentation, base.ptr(), members.ptr()));
    if (!result) throw py::error_already_set();
    module.attr(name) = result;
    return result;
}

PythonClasses new_classes(const py::module_& module) {
    const py::object base = new_class(module, "Error", "Base of every error of this package; code names its kind.",
                                      py::handle(PyExc_Exception), "error");
    PythonClasses classes;
    for (std::size_t i = 0; i < classes.size(); ++i) {
        const ErrorClass& entry = kErrorClasses[i];
        classes[i] = new_class(module, entry.name, entry.documentation, base, saccade::code_name(entry.code));
    }
    return classes;
}

const py::object& class_of(Code code) {
    return python_classes.get_stored()[static_cast<std::size_t>(code)];
}

py::object instance_of(const saccade::Error& error) {
    return class_of(error.code())(error.message());
}

}  // namespace

void bind_errors(py::module_& module) {
    python_classes.call_once_and_store_result([&module] { return new_classes(module); });
    py::register_local_exception_translator([](std::exception_ptr problem) {
        try {
            if (problem) std::rethrow_exception(problem);
        } catch (const saccade::Error& error) {
            PyErr_SetObject(class_of(error.code()).ptr(), instance_of(error).ptr());
        }
    });
}

OptionalError optional_error(const std::optional<saccade::Error>& error) {
    return py::reinterpret_borrow<OptionalError>(error ? instance_of(*error) : py::none());
}
