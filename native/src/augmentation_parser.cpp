#include <algorithm>
#include <string_view>
#include <utility>

#include "saccade/augment.hpp"
#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

constexpr std::string_view kKnownSteps =
    "Known: random_resized_crop(min_area,max_area;min_ratio,max_ratio), "
    "affine(degrees,translate,min_scale,max_scale,shear), "
    "randaugment(count,magnitude), colour_jitter(brightness,contrast,saturation,hue), translate(px), flip or "
    "flip(alternate), cutout(px), mixup(alpha), cutmix(alpha).";
constexpr double kMostPixels = 4096;

struct Range {
    double low;
    double high;
};

}  // namespace

/// Reads one line after the other into an Augmentation.
class AugmentationParser {
  public:
    Augmentation parse(std::span<const std::string> lines) {
        for (const std::string& line : lines) add(line);
        std::ranges::sort(steps_);
        for (auto& [place, text] : steps_) augmentation_.steps_.push_back(std::move(text));
        return std::move(augmentation_);
    }

  private:
    void add(const std::string& line) {
        line_ = line;
        const std::optional<Call> call = parse_call(line);
        if (!call) refuse("has no closing bracket");
        arguments_ = call->arguments;
        const std::string& name = call->name;
        if (name == "random_resized_crop") return add_crop();
        if (name == "affine") return add_affine();
        if (name == "randaugment") return add_rand_augment();
        if (name == "colour_jitter") return add_jitter();
        if (name == "translate") return add_translate();
        if (name == "flip") return add_flip(call->has_brackets);
        if (name == "cutout") return add_cutout();
        if (name == "mixup") return add_mixup();
        if (name == "cutmix") return add_cutmix();
        refuse("is not known");
    }

    void add_crop() {
        std::string plain = arguments_;
        std::ranges::replace(plain, ';', ',');
        arguments_ = plain;
        const auto values = numbers<4>({{{0.001, 1}, {0.001, 1}, {0.01, 100}, {0.01, 100}}});
        if (values[0] > values[1] || values[2] > values[3]) refuse("has a range that ends below its begin");
        augmentation_.crop_ = {values[0], values[1], values[2], values[3]};
        enter(0, "random_resized_crop(" + shortest(values[0]) + "," + shortest(values[1]) + ";" + shortest(values[2]) +
                     "," + shortest(values[3]) + ")");
    }

    void add_affine() {
        const auto values = numbers<5>({{{0, 180}, {0, 1}, {0.1, 10}, {0.1, 10}, {0, 80}}});
        if (values[2] > values[3]) refuse("has a range that ends below its begin");
        augmentation_.affine_ = {values[0], values[1], values[2], values[3], values[4]};
        enter_numbers(1, "affine", values);
    }

    void add_rand_augment() {
        const auto values = numbers<2>({{{1, 14}, {0, 30}}}, true);
        augmentation_.rand_augment_ = {static_cast<int>(values[0]), static_cast<int>(values[1])};
        enter_numbers(2, "randaugment", values);
    }

    void add_jitter() {
        const auto values = numbers<4>({{{0, 10}, {0, 10}, {0, 10}, {0, 0.5}}});
        augmentation_.jitter_ = {values[0], values[1], values[2], values[3]};
        enter_numbers(3, "colour_jitter", values);
    }

    void add_translate() {
        const auto values = numbers<1>({{{1, kMostPixels}}}, true);
        augmentation_.translate_px_ = static_cast<int>(values[0]);
        enter_numbers(4, "translate", values);
    }

    void add_flip(bool has_brackets) {
        if (has_brackets && arguments_ != "alternate") refuse("knows no argument but alternate");
        augmentation_.flip_ = has_brackets ? Augmentation::Flip::kAlternate : Augmentation::Flip::kRandom;
        enter(5, has_brackets ? "flip(alternate)" : "flip");
    }

    void add_cutout() {
        const auto values = numbers<1>({{{1, kMostPixels}}}, true);
        augmentation_.cutout_px_ = static_cast<int>(values[0]);
        enter_numbers(6, "cutout", values);
    }

    void add_mixup() {
        const auto values = numbers<1>({{{0.001, 100}}});
        augmentation_.mixing_.mixup_alpha = values[0];
        enter_numbers(7, "mixup", values);
    }

    void add_cutmix() {
        const auto values = numbers<1>({{{0.001, 100}}});
        augmentation_.mixing_.cutmix_alpha = values[0];
        enter_numbers(8, "cutmix", values);
    }

    template <std::size_t count>
    std::array<double, count> numbers(const std::array<Range, count>& ranges, bool are_whole = false) const {
        const std::vector<std::string_view> parts = split(arguments_, ',');
        if (parts.size() != count) refuse("needs " + std::to_string(count) + (count == 1 ? " number" : " numbers"));
        std::array<double, count> values{};
        for (std::size_t i = 0; i < count; ++i) {
            const std::optional<double> value = parse_number<double>(parts[i]);
            const bool is_usable = value && *value >= ranges[i].low && *value <= ranges[i].high &&
                                   (!are_whole || *value == static_cast<int>(*value));
            if (!is_usable) {
                refuse("needs " + std::string(are_whole ? "a whole number" : "a number") + " from " +
                       shortest(ranges[i].low) + " to " + shortest(ranges[i].high) + ", not '" + std::string(parts[i]) +
                       "'");
            }
            values[i] = *value + 0.0;  // -0 becomes 0, which prints the same
        }
        return values;
    }

    template <std::size_t count>
    void enter_numbers(int place, const std::string& name, const std::array<double, count>& values) {
        std::string text = name;
        for (std::size_t i = 0; i < count; ++i) {
            text += i == 0 ? '(' : ',';
            text += shortest(values[i]);
        }
        text += ')';
        enter(place, std::move(text));
    }

    /// place: where the step stands among the canonical lines.
    void enter(int place, std::string text) {
        const auto is_there = [place](const auto& step) { return step.first == place; };
        if (std::ranges::any_of(steps_, is_there)) refuse("is there twice");
        steps_.emplace_back(place, std::move(text));
    }

    [[noreturn]] void refuse(const std::string& reason) const {
        throw Error(Code::kSpec, "Augmentation '" + line_ + "' " + reason + ". " + std::string(kKnownSteps));
    }

    Augmentation augmentation_;
    std::vector<std::pair<int, std::string>> steps_;
    std::string line_;
    std::string arguments_;
};

Augmentation Augmentation::parse(std::span<const std::string> lines) {
    return AugmentationParser().parse(lines);
}

}  // namespace saccade
