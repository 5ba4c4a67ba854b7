#include "arguments.hpp"

#include <getopt.h>

#include <array>
#include <optional>

#include "text.hpp"

namespace saccade::classify {

namespace {

constexpr unsigned kMostThreads = 1024;
constexpr std::array<option, 5> kOptions{{{"json", no_argument, nullptr, 'j'},
                                          {"threads", required_argument, nullptr, 't'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {"version", no_argument, nullptr, 'v'},
                                          {nullptr, 0, nullptr, 0}}};

unsigned parse_threads(const char* text) {
    const std::optional<unsigned> threads = parse_number<unsigned>(text);
    if (!threads || *threads > kMostThreads) {
        throw UsageError("--threads is '" + std::string(text) + "' and must be a number from 0 to " +
                         grouped(kMostThreads) + ".");
    }
    return *threads;
}

void read_option(int letter, Arguments& arguments, const char* given) {
    switch (letter) {
        case 'j':
            arguments.is_json = true;
            return;
        case 't':
            arguments.threads = parse_threads(optarg);
            return;
        case 'h':
            arguments.task = Arguments::Task::kHelp;
            return;
        case 'v':
            arguments.task = Arguments::Task::kVersion;
            return;
        case ':':
            throw UsageError("The option '" + std::string(given) + "' lacks its value.");
        default:
            throw UsageError("There is no option '" + std::string(given) + "'.");
    }
}

void read_places(std::span<char*> places, Arguments& arguments) {
    if (places.empty()) throw UsageError("The model bundle is missing.");
    arguments.model = places.front();
    arguments.images.assign(places.begin() + 1, places.end());
    if (arguments.images == std::vector<std::string>{"-"}) arguments.images.clear();
    for (const std::string& image : arguments.images) {
        if (image == "-") throw UsageError("'-' reads paths from standard input and stands alone.");
    }
}

}  // namespace

const std::string_view kHelp =
    R"(usage: saccade-classify [--json] [--threads N] MODEL [IMAGE...]

Classifies JPEG, PNG and WebP files by a model bundle, without Python and without a server.

  MODEL         directory that 'saccade evaluate' wrote; it is verified before it answers
  IMAGE         files; '-' or none: paths from standard input, one a line or NUL after each
  --json        one JSON object a line, with every field of the answer
  --threads N   0 to 1,024; 0, the default, takes every processor that this process may use
  --help        this text
  --version     the version

Exit status: 0 every image has an answer, 1 our fault, 2 wrong use,
3 the bundle or at least one image was refused: each says why in its own line.
)";

Arguments parse_arguments(std::span<char*> arguments) {
    Arguments parsed;
    const auto count = static_cast<int>(arguments.size());
    optind = 0;  // starts over, in glibc and in musl
    while (true) {
        // ':' has a missing value reported as such, and nothing printed.
        const int letter = getopt_long(count, arguments.data(), ":h", kOptions.data(), nullptr);
        if (letter == -1) break;
        read_option(letter, parsed, arguments[static_cast<std::size_t>(optind) - 1]);
    }
    if (parsed.task == Arguments::Task::kClassify) {
        read_places(arguments.subspan(static_cast<std::size_t>(optind)), parsed);
    }
    return parsed;
}

}  // namespace saccade::classify
