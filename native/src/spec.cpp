#include "saccade/spec.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

constexpr std::string_view kImagenet = "imagenet";
constexpr std::array<double, 3> kImagenetMean{0.485, 0.456, 0.406};
constexpr std::array<double, 3> kImagenetStd{0.229, 0.224, 0.225};
constexpr std::string_view kKnownSteps =
    "Known, in this order: decode, resize(H,W) or resize_short(S) (;bicubic at will), center_crop(S) or "
    "center_crop(H,W), "
    "normalize(r,g,b;r,g,b) or normalize(imagenet).";

std::string joined(const std::array<double, 3>& values) {
    return shortest(values[0]) + "," + shortest(values[1]) + "," + shortest(values[2]);
}

std::string joined(Size size) {
    return std::to_string(size.height) + "," + std::to_string(size.width);
}

/// Half of a difference, ties to even: Python's round(), which torchvision's center_crop uses.
int half_to_even(int difference) {
    const int half = difference / 2;
    return half + (difference % 2 == 1 && half % 2 == 1 ? 1 : 0);
}

}  // namespace

/// Reads one line after the other into a PreprocessSpec.
class SpecParser {
  public:
    PreprocessSpec parse(std::span<const std::string> lines) {
        for (const std::string& line : lines) add(line);
        if (stage_ == Stage::kStart) throw Error(Code::kSpec, "The specification is empty. Start it with 'decode'.");
        if (stage_ == Stage::kDecoded) {
            throw Error(Code::kSpec, "The specification has no resize. Add resize(H,W) or resize_short(S).");
        }
        if (spec_.is_short_ && !is_cropped_) {
            throw Error(Code::kSpec,
                        "'" + spec_.steps_[1] + "' leaves the long side open. Add center_crop(S) after it.");
        }
        return std::move(spec_);
    }

  private:
    enum class Stage { kStart, kDecoded, kResized, kCropped, kNormalized };

    void add(const std::string& line) {
        line_ = line;
        const std::optional<Call> call = parse_call(line);
        if (!call) refuse("has no closing bracket");
        const auto& [name, arguments, has_brackets] = *call;
        if (name == "decode" && !has_brackets) return decode();
        if (name == "resize") return resize(arguments);
        if (name == "resize_short") return resize_short(arguments);
        if (name == "center_crop") return center_crop(arguments);
        if (name == "normalize") return normalize(arguments);
        refuse("is not known");
    }

    void decode() { enter(Stage::kDecoded, "decode"); }

    void resize(std::string_view arguments) {
        const std::vector<int> sides = parse_sides(without_filter(arguments));
        if (sides.size() != 2) refuse("needs height and width, as in resize(224,224)");
        spec_.resize_ = spec_.size_ = {sides[0], sides[1]};
        enter(Stage::kResized, "resize(" + joined(spec_.resize_) + filter_text() + ")");
    }

    void resize_short(std::string_view arguments) {
        const std::vector<int> sides = parse_sides(without_filter(arguments));
        if (sides.size() != 1) refuse("needs one side, as in resize_short(256)");
        spec_.resize_ = {sides[0], sides[0]};
        spec_.is_short_ = true;
        enter(Stage::kResized, "resize_short(" + std::to_string(sides[0]) + filter_text() + ")");
    }

    /// Takes ";bicubic" or ";triangle" from the end of a resize's arguments; without either it is the triangle.
    std::string_view without_filter(std::string_view arguments) {
        const std::vector<std::string_view> parts = split(arguments, ';');
        if (parts.size() == 1) return arguments;
        if (parts.size() > 2 || (parts[1] != "bicubic" && parts[1] != "triangle")) {
            refuse("has a filter that is not known; there are bicubic and triangle");
        }
        if (parts[1] == "bicubic") spec_.filter_ = Filter::kBicubic;
        return parts[0];
    }

    [[nodiscard]] std::string filter_text() const { return spec_.filter_ == Filter::kBicubic ? ";bicubic" : ""; }

    void center_crop(std::string_view arguments) {
        const std::vector<int> sides = parse_sides(arguments);
        if (sides.size() > 2) refuse("needs one side or height and width, as in center_crop(224)");
        spec_.size_ = {sides.front(), sides.back()};
        const bool is_square = sides.front() == sides.back();
        enter(Stage::kCropped, "center_crop(" + (is_square ? std::to_string(sides[0]) : joined(spec_.size_)) + ")");
        is_cropped_ = true;
        if (spec_.size_.height > spec_.resize_.height || spec_.size_.width > spec_.resize_.width) {
            refuse("is larger than what the resize before it leaves");
        }
    }

    void normalize(std::string_view arguments) {
        if (arguments == kImagenet) {
            spec_.mean_ = kImagenetMean;
            spec_.std_ = kImagenetStd;
        } else {
            const std::vector<std::string_view> halves = split(arguments, ';');
            if (halves.size() != 2) refuse("needs mean;std, as in normalize(0.5,0.5,0.5;0.25,0.25,0.25)");
            spec_.mean_ = parse_channels(halves[0]);
            spec_.std_ = parse_channels(halves[1]);
        }
        for (const double deviation : spec_.std_) {
            if (static_cast<float>(deviation) <= 0.0F) refuse("has a standard deviation that is not above zero");
        }
        const bool is_imagenet = spec_.mean_ == kImagenetMean && spec_.std_ == kImagenetStd;
        const std::string values =
            is_imagenet ? std::string(kImagenet) : joined(spec_.mean_) + ";" + joined(spec_.std_);
        enter(Stage::kNormalized, "normalize(" + values + ")");
    }

    std::vector<int> parse_sides(std::string_view arguments) {
        std::vector<int> sides;
        for (const std::string_view part : split(arguments, ',')) {
            const std::optional<int> side = parse_number<int>(part);
            if (!side || *side < 1 || *side > kMaxTargetSide) {
                refuse("needs sides from 1 to " + grouped(kMaxTargetSide) + " pixels, not '" + std::string(part) + "'");
            }
            sides.push_back(*side);
        }
        return sides;
    }

    std::array<double, 3> parse_channels(std::string_view text) {
        const std::vector<std::string_view> parts = split(text, ',');
        std::array<double, 3> values{};
        if (parts.size() != values.size()) refuse("needs three numbers each for mean and std");
        for (std::size_t c = 0; c < values.size(); ++c) {
            const std::optional<double> value = parse_number<double>(parts[c]);
            if (!value || !std::isfinite(*value) || std::abs(*value) > 1e6) {
                refuse("has '" + std::string(parts[c]) + "' where a number below a million is needed");
            }
            values[c] = *value + 0.0;  // -0 becomes 0, which prints the same
        }
        return values;
    }

    /// Moves to stage, which must be a later one; the first is decode.
    void enter(Stage stage, std::string canonical_line) {
        const bool starts_right = (stage_ == Stage::kStart) == (stage == Stage::kDecoded);
        const bool has_size = stage <= Stage::kResized || stage_ >= Stage::kResized;
        if (stage <= stage_ || !starts_right || !has_size) refuse("is out of order");
        stage_ = stage;
        spec_.steps_.push_back(std::move(canonical_line));
    }

    [[noreturn]] void refuse(const std::string& reason) const {
        throw Error(Code::kSpec, "Step '" + line_ + "' " + reason + ". " + std::string(kKnownSteps));
    }

    PreprocessSpec spec_;
    Stage stage_ = Stage::kStart;
    bool is_cropped_ = false;
    std::string line_;
};

PreprocessSpec PreprocessSpec::parse(std::span<const std::string> lines) {
    return SpecParser().parse(lines);
}

Size PreprocessSpec::resized(Size full) const {
    if (!is_short_) return resize_;
    const std::int64_t side = resize_.height;
    if (full.height <= full.width) {
        return {resize_.height, static_cast<int>(side * full.width / full.height)};
    }
    return {static_cast<int>(side * full.height / full.width), resize_.width};
}

Framing PreprocessSpec::framing(Size full) const {
    const Size size = resized(full);
    const Crop keep{half_to_even(size.height - size_.height), half_to_even(size.width - size_.width), size_};
    return {Box::whole(full), size, keep, filter_};
}

Framing PreprocessSpec::framing_of_part(const Box& part) const {
    return {part, size_, {0, 0, size_}, filter_};
}

}  // namespace saccade
