#include "batch.hpp"

#include <system_error>
#include <utility>

#include "files.hpp"
#include "saccade/error.hpp"

namespace saccade::classify {

Batch::Batch(const Bundle& bundle, Classifier& classifier, bool is_json, std::function<void(const std::string&)> write)
    : bundle_(bundle), classifier_(classifier), is_json_(is_json), write_(std::move(write)) {}

void Batch::add(const std::string& path) {
    File& file = files_.emplace_back(File{path, {}, {}});
    try {
        file.bytes = read_file(path, Limits{}.max_bytes);  // a byte more, which the classifier refuses
    } catch (const std::system_error& error) {
        file.refusal = Refusal{"unreadable", "The file cannot be read: " + error.code().message() + "."};
    }
    bytes_ += file.bytes.size();
    if (files_.size() == kMostImages || bytes_ >= kEnoughBytes) answer();
}

void Batch::answer() {
    std::vector<Bytes> readable;
    for (const File& file : files_) {
        if (!file.refusal) readable.emplace_back(file.bytes);
    }
    const std::vector<Answer> answers = classifier_.predict(readable);
    auto answer = answers.begin();
    for (const File& file : files_) {
        if (file.refusal) {
            write_refusal(file, *file.refusal);
        } else {
            write_answer(file, *answer++);
        }
    }
    images_ += files_.size();
    files_.clear();
    bytes_ = 0;
}

void Batch::write_answer(const File& file, const Answer& answer) {
    if (answer.error) {
        write_refusal(file, {code_name(answer.error->code()), answer.error->message()});
    } else {
        write_(is_json_ ? json_line(file.path, answer, bundle_) : text_line(file.path, answer, bundle_));
    }
}

void Batch::write_refusal(const File& file, const Refusal& refusal) {
    ++refused_;
    write_(is_json_ ? json_line(file.path, refusal) : text_line(file.path, refusal));
}

}  // namespace saccade::classify
