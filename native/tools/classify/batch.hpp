#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bundle.hpp"
#include "lines.hpp"
#include "saccade/classifier.hpp"

namespace saccade::classify {

/// Images that are answered together: as many as fill the classifier, but no more encoded bytes than bounded memory
/// allows.
class Batch {
  public:
    static constexpr std::size_t kMostImages = 64;
    static constexpr std::size_t kEnoughBytes = std::size_t{1} << 26;

    /// bundle, classifier: must outlive the batch.   write: takes one line without its end, in the order of add.
    Batch(const Bundle& bundle, Classifier& classifier, bool is_json, std::function<void(const std::string&)> write);

    /// Reads an image; when enough are there, answers them all.
    void add(const std::string& path);
    /// Answers what is there.
    void answer();

    /// Images answered or refused so far.
    [[nodiscard]] std::size_t images() const { return images_; }
    [[nodiscard]] std::size_t refused() const { return refused_; }

  private:
    struct File {
        std::string path;
        std::vector<std::uint8_t> bytes;
        std::optional<Refusal> refusal;
    };

    void write_answer(const File& file, const Answer& answer);
    void write_refusal(const File& file, const Refusal& refusal);

    const Bundle& bundle_;
    Classifier& classifier_;
    bool is_json_;
    std::function<void(const std::string&)> write_;
    std::vector<File> files_;
    std::size_t bytes_ = 0;
    std::size_t images_ = 0;
    std::size_t refused_ = 0;
};

}  // namespace saccade::classify
