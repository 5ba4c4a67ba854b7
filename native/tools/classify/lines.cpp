#include "lines.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace saccade::classify {

namespace {

using Json = nlohmann::ordered_json;

std::string percent(float probability) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f%%", 100 * static_cast<double>(probability));
    return text.data();
}

const std::string& label_of(int label, const Bundle& bundle) {
    return bundle.classes[static_cast<std::size_t>(label)];
}

Json top_k_of(const Answer& answer, const Bundle& bundle) {
    Json top_k = Json::array();
    for (const auto& [label, probability] : answer.top_k) {
        top_k.push_back({{"label", label_of(label, bundle)}, {"probability", probability}});
    }
    return top_k;
}

Json ood_of(const Answer& answer, const Bundle& bundle) {
    Json scores{{"energy", answer.energy}};
    if (answer.isolation_forest) scores["isolation_forest"] = *answer.isolation_forest;
    return {{"score", answer.ood_score},
            {"threshold", bundle.ood_threshold},
            {"is_ood", answer.is_ood},
            {"detector", bundle.ood_detector},
            {"scores", scores}};
}

std::string line_of(const Json& document) {
    return document.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::string text_line(const std::string& path, const Refusal& refusal) {
    return path + ": " + refusal.message;
}

std::string text_line(const std::string& path, const Answer& answer, const Bundle& bundle) {
    const auto label = static_cast<std::size_t>(answer.label);
    return path + ": " + bundle.classes[label] + " (" + percent(answer.probabilities[label]) +
           (answer.is_ood ? ", unlike the training data)" : ")");
}

std::string json_line(const std::string& path, const Refusal& refusal) {
    return line_of({{"path", path}, {"error", {{"code", refusal.code}, {"message", refusal.message}}}});
}

std::string json_line(const std::string& path, const Answer& answer, const Bundle& bundle) {
    return line_of({{"path", path},
                    {"label", label_of(answer.label, bundle)},
                    {"probability", answer.top_k.front().second},
                    {"top_k", top_k_of(answer, bundle)},
                    {"ood", ood_of(answer, bundle)},
                    {"model", {{"name", bundle.name}, {"version", bundle.version}}}});
}

}  // namespace saccade::classify
