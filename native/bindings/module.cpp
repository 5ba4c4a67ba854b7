#include "bindings.hpp"

PYBIND11_MODULE(_native, module) {
    module.doc() = "Image preparation and classification in C++.";
    module.attr("__version__") = SACCADE_VERSION;
    bind_errors(module);
    bind_pixels(module);
    bind_training(module);
#ifdef SACCADE_CLASSIFIER
    bind_classifier(module);
#endif
}
