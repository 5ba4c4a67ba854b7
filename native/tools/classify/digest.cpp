#include "digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <system_error>

#include "bundle_error.hpp"
#include "files.hpp"

namespace saccade::classify {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 18;

struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// A sha256 that is fed in parts.
class Sha256 {
  public:
    Sha256() : context_(EVP_MD_CTX_new()) {
        require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }

    void add(std::string_view bytes) { require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

    /// Hexadecimal. Nothing can be added afterwards.
    std::string digits() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned length = 0;
        require(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
        std::string text;
        for (unsigned i = 0; i < length; ++i) {
            text += "0123456789abcdef"[digest[i] >> 4U];
            text += "0123456789abcdef"[digest[i] & 15U];
        }
        return text;
    }

  private:
    static void require(bool done) {
        if (!done) throw std::runtime_error("OpenSSL gives no sha256. Install it again.");
    }

    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

std::string file_sha256(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string block(kBlockBytes, '\0');
    Sha256 sha256;
    while (file.read(block.data(), kBlockBytes) || file.gcount() > 0) {
        sha256.add(std::string_view(block).substr(0, static_cast<std::size_t>(file.gcount())));
    }
    if (!file.eof()) throw BundleError(quoted(path) + " cannot be read. Check its permissions.");
    return sha256.digits();
}

}  // namespace

std::string sha256(std::string_view text) {
    Sha256 sha256;
    sha256.add(text);
    return sha256.digits();
}

std::map<std::string, std::string> file_digests(const fs::path& directory) {
    std::map<std::string, std::string> digests;
    try {
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
            const std::string name = entry.path().lexically_relative(directory).generic_string();
            if (entry.is_regular_file() && name != "bundle.json") digests.emplace(name, file_sha256(entry.path()));
        }
    } catch (const fs::filesystem_error& error) {
        throw BundleError(quoted(error.path1()) + " cannot be read: " + error.code().message() +
                          ". Check its permissions.");
    }
    return digests;
}

}  // namespace saccade::classify
