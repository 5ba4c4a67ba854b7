#include <unistd.h>

#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "batch.hpp"
#include "bundle.hpp"
#include "bundle_error.hpp"
#include "path_reader.hpp"
#include "verified_classifier.hpp"

namespace saccade::classify {

namespace {

enum ExitStatus { kDone = 0, kOurFault = 1, kWrongUse = 2, kBadData = 3 };

/// Whoever reads the other end sees the text at once.
void write_out(std::string_view text) {
    if (!(std::cout << text << std::flush)) throw std::runtime_error("Cannot write the answers: is the disk full?");
}

/// No answer waits for a path that another program has yet to write.
void classify_paths_from(int descriptor, Batch& batch) {
    PathReader reader(descriptor);
    for (std::vector<std::string> paths = reader.next(Batch::kMostImages); !paths.empty();
         paths = reader.next(Batch::kMostImages)) {
        for (const std::string& path : paths) batch.add(path);
        batch.answer();
    }
}

ExitStatus classify(const Arguments& arguments) {
    const Bundle bundle = read_bundle(arguments.model);
    const std::unique_ptr<Classifier> classifier = verified_classifier(bundle, arguments.threads);
    Batch batch(bundle, *classifier, arguments.is_json, [](const std::string& line) { write_out(line + "\n"); });
    if (arguments.images.empty()) {
        classify_paths_from(STDIN_FILENO, batch);
    } else {
        for (const std::string& path : arguments.images) batch.add(path);
        batch.answer();
    }
    if (batch.refused() == 0) return kDone;
    std::cerr << batch.refused() << " of " << batch.images()
              << " images were refused; each says why in its own line.\n";
    return kBadData;
}

ExitStatus run(const Arguments& arguments) {
    switch (arguments.task) {
        case Arguments::Task::kHelp:
            write_out(kHelp);
            return kDone;
        case Arguments::Task::kVersion:
            write_out("saccade-classify " SACCADE_VERSION "\n");
            return kDone;
        case Arguments::Task::kClassify:
            return classify(arguments);
    }
    return kOurFault;
}

ExitStatus refuse(const std::exception& error, ExitStatus status, const char* hint = "") {
    std::cerr << "saccade-classify: " << error.what() << hint << "\n";
    return status;
}

}  // namespace

}  // namespace saccade::classify

int main(int count, char** arguments) {
    using namespace saccade::classify;
    std::ios::sync_with_stdio(false);
    try {
        return run(parse_arguments({arguments, static_cast<std::size_t>(count)}));
    } catch (const UsageError& error) {
        return refuse(error, kWrongUse, " Try 'saccade-classify --help'.");
    } catch (const BundleError& error) {
        return refuse(error, kBadData);
    } catch (const std::exception& error) {
        return refuse(error, kOurFault);
    }
}
