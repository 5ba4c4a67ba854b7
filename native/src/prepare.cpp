#include "saccade/prepare.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "picture.hpp"
#include "saccade/thread_pool.hpp"
#include "text.hpp"

namespace saccade {

namespace {

constexpr std::size_t kKeptBytes = std::size_t{16} << 20;

struct Workspace {
    PictureScratch picture;
    ResizeScratch resize;

    void trim() {
        picture.stored.trim(kKeptBytes);
        picture.upright.trim(kKeptBytes);
        if (resize.rows.capacity() > kKeptBytes) resize = ResizeScratch();
    }
};

/// Half of a difference, ties to even: Python's round(), which torchvision's center_crop uses.
int half_to_even(int difference) {
    const int half = difference / 2;
    return half + (difference % 2 == 1 && half % 2 == 1 ? 1 : 0);
}

ImageInfo prepare_checked(Bytes image, const PreprocessSpec& spec, std::span<std::uint8_t> out, const Limits& limits,
                          Workspace& workspace) {
    const Picture picture = read_picture(image, limits, &spec, workspace.picture);
    const Size resized = spec.resized(picture.full);
    const Size kept = spec.size();
    const Crop keep{half_to_even(resized.height - kept.height), half_to_even(resized.width - kept.width), kept};
    resize_region(picture.pixels->view(), picture.box, resized, keep, out, workspace.resize);
    return {picture.format, picture.full, image_statistics({out, kept}), std::nullopt};
}

ImageInfo failed(Bytes image, std::span<std::uint8_t> out, const Error& error) {
    std::ranges::fill(out, std::uint8_t{0});
    return {detect_format(image), {}, {}, error};
}

}  // namespace

ImageInfo prepare_image(Bytes image, const PreprocessSpec& spec, std::span<std::uint8_t> out, const Limits& limits) {
    if (out.size() != spec.size().bytes()) {
        throw Error(Code::kArgument, "The output holds " + grouped(out.size()) + " bytes, a prepared image has " +
                                         grouped(spec.size().bytes()) + ". Allocate (H, W, 3) uint8.");
    }
    thread_local Workspace workspace;
    try {
        ImageInfo info = prepare_checked(image, spec, out, limits, workspace);
        workspace.trim();
        return info;
    } catch (const Error& error) {
        return failed(image, out, error);
    } catch (const std::bad_alloc&) {
        workspace = Workspace();
        return failed(image, out,
                      {Code::kMemory, "No memory is left for this image. Make it smaller or use fewer threads."});
    }
}

std::vector<ImageInfo> prepare(std::span<const Bytes> images, const PreprocessSpec& spec, std::span<std::uint8_t> out,
                               const Limits& limits, unsigned threads) {
    const std::size_t image_bytes = spec.size().bytes();
    if (out.size() != images.size() * image_bytes) {
        throw Error(Code::kArgument, "The output holds " + grouped(out.size()) + " bytes, " + grouped(images.size()) +
                                         " prepared images have " + grouped(images.size() * image_bytes) +
                                         ". Allocate (N, H, W, 3) uint8.");
    }
    std::vector<ImageInfo> infos(images.size());
    parallel_for(images.size(), threads, [&](std::size_t i) {
        infos[i] = prepare_image(images[i], spec, out.subspan(i * image_bytes, image_bytes), limits);
    });
    return infos;
}

}  // namespace saccade
