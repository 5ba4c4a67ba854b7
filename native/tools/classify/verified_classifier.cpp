#include "verified_classifier.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "files.hpp"
#include "json_file.hpp"
#include "saccade/error.hpp"
#include "saccade/openvino_engine.hpp"
#include "text.hpp"

namespace saccade::classify {

namespace {

using Json = nlohmann::json;

/// Mean over the images of the largest difference of a probability; serving/golden.py holds the measurement.
constexpr double kGoldenTolerance = 0.03;
/// Evaluation writes a few small images.
constexpr std::size_t kMostGoldenBytes = std::size_t{1} << 28;
constexpr const char* kAdvice = " Use the version that made the bundle, or evaluate again.";

/// What golden/ holds: encoded images, and the probabilities that the evaluation gave each of them.
struct Golden {
    std::vector<std::vector<std::uint8_t>> images;
    std::vector<std::vector<double>> probabilities;
    std::size_t bytes = 0;  // of the images together
};

void add_entry(const Json& entry, const Bundle& bundle, Golden& golden) {
    const std::string file = "golden/" + entry.at("file").get<std::string>();
    // A name such as ../../secret is none of the bundle's files.
    if (!bundle.files.contains(file)) {
        throw BundleError(quoted(bundle.directory) + " has no golden image '" + file + "'. Evaluate again.");
    }
    golden.images.push_back(read_part(bundle.directory / file, kMostGoldenBytes - golden.bytes));
    golden.bytes += golden.images.back().size();
    golden.probabilities.push_back(entry.at("probabilities").get<std::vector<double>>());
}

Golden read_golden(const Bundle& bundle) {
    const Json entries = read_json(bundle.directory / "golden" / "answers.json");
    Golden golden;
    try {
        for (const Json& entry : entries) add_entry(entry, bundle, golden);
    } catch (const Json::exception& error) {
        throw BundleError("The golden answers of " + quoted(bundle.directory) + " cannot be read: " + error.what() +
                          ". Evaluate again.");
    }
    if (golden.images.empty()) {
        throw BundleError(quoted(bundle.directory) +
                          " has no golden answers to verify this program with. Evaluate again.");
    }
    return golden;
}

double largest_difference(const Answer& answer, const std::vector<double>& expected, const Bundle& bundle) {
    if (answer.error) {
        throw BundleError("A golden image of " + quoted(bundle.directory) + " is refused: " + answer.error->what() +
                          kAdvice);
    }
    if (answer.probabilities.size() != expected.size()) {
        throw BundleError("The golden answers of " + quoted(bundle.directory) + " have " +
                          std::to_string(expected.size()) + " probabilities, the model " +
                          std::to_string(answer.probabilities.size()) + "." + kAdvice);
    }
    double largest = 0;
    for (std::size_t k = 0; k < expected.size() && !std::isnan(largest); ++k) {
        const double difference = std::abs(static_cast<double>(answer.probabilities[k]) - expected[k]);
        if (!(difference <= largest)) largest = difference;  // also where it is not a number
    }
    return largest;
}

std::string rounded(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f", value);
    return text.data();
}

void check_golden(const Bundle& bundle, Classifier& classifier) {
    const Golden golden = read_golden(bundle);
    const std::vector<Bytes> images(golden.images.begin(), golden.images.end());
    // Whether an image near the view threshold is looked at again differs from processor to processor.
    const std::vector<Answer> answers = classifier.predict(images, Views::kPlainOnly);
    double total = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        total += largest_difference(answers[i], golden.probabilities[i], bundle);
    }
    const double difference = total / static_cast<double>(answers.size());
    // Written so that a probability that is not a number is refused too.
    if (!(difference <= kGoldenTolerance)) {
        throw BundleError("The golden images of " + quoted(bundle.directory) + " are answered with probabilities " +
                          rounded(difference) + " away from those of its evaluation; " + shortest(kGoldenTolerance) +
                          " is allowed." + kAdvice);
    }
}

std::unique_ptr<Classifier> new_classifier(const Bundle& bundle, unsigned threads) {
    try {
        return std::make_unique<Classifier>(
            open_openvino(bundle.model(), bundle.spec.size(), threads, bundle.precision), bundle.spec, bundle.scoring,
            Limits{}, threads);
    } catch (const Error& error) {
        throw BundleError(error.what());
    }
}

}  // namespace

std::unique_ptr<Classifier> verified_classifier(const Bundle& bundle, unsigned threads) {
    std::unique_ptr<Classifier> classifier = new_classifier(bundle, threads);
    if (classifier->classes() != bundle.classes.size()) {
        throw BundleError("Bundle has " + std::to_string(bundle.classes.size()) +
                          " class names but the model returns " + std::to_string(classifier->classes()) +
                          " scores. Package it again from the run that trained it.");
    }
    check_golden(bundle, *classifier);
    return classifier;
}

}  // namespace saccade::classify
