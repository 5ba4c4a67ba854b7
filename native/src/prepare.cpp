#include "saccade/prepare.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "limits.hpp"
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

ImageInfo prepare_checked(Bytes image, const FramingOf& framing_of, std::span<std::uint8_t> out, const Limits& limits,
                          Workspace& workspace) {
    const Picture picture = read_picture(image, limits, framing_of, workspace.picture);
    picture.frame(out, workspace.resize);
    return {picture.format, picture.full, image_statistics({out, picture.plan.kept()}), std::nullopt};
}

ImageInfo failed(Bytes image, std::span<std::uint8_t> out, const Error& error) {
    std::ranges::fill(out, std::uint8_t{0});
    return {detect_format(image), {}, {}, error};
}

ImageInfo prepare_framed(Bytes image, const PreprocessSpec& spec, const FramingOf& framing_of,
                         std::span<std::uint8_t> out, const Limits& limits) {
    if (out.size() != spec.size().bytes()) {
        throw Error(Code::kArgument, "The output holds " + grouped(out.size()) + " bytes, a prepared image has " +
                                         grouped(spec.size().bytes()) + ". Allocate (H, W, 3) uint8.");
    }
    thread_local Workspace workspace;
    try {
        ImageInfo info = prepare_checked(image, framing_of, out, limits, workspace);
        workspace.trim();
        return info;
    } catch (const Error& error) {
        return failed(image, out, error);
    } catch (const std::bad_alloc&) {
        workspace = Workspace();
        return failed(image, out, out_of_memory());
    }
}

/// Calls prepare_row(i, row i of out) for every image.
template <typename Element, typename PrepareRow>
std::vector<ImageInfo> prepare_rows(std::size_t count, std::span<Element> out, std::size_t row_size, unsigned threads,
                                    PrepareRow prepare_row) {
    if (out.size() != count * row_size) {
        throw Error(Code::kArgument, "The output holds " + grouped(out.size()) + " bytes, " + grouped(count) +
                                         " prepared images have " + grouped(count * row_size) +
                                         ". Allocate one row an image.");
    }
    std::vector<ImageInfo> infos(count);
    parallel_for(count, threads,
                 [&](std::size_t i) { infos[i] = prepare_row(i, out.subspan(i * row_size, row_size)); });
    return infos;
}

}  // namespace

ImageInfo prepare_image(Bytes image, const PreprocessSpec& spec, std::span<std::uint8_t> out, const Limits& limits) {
    return prepare_framed(
        image, spec, [&spec](Size full) { return spec.framing(full); }, out, limits);
}

ImageInfo prepare_part(Bytes image, const PreprocessSpec& spec, const std::function<Box(Size full)>& part_of,
                       std::span<std::uint8_t> out, const Limits& limits) {
    const auto framing_of = [&](Size full) { return spec.framing_of_part(part_of(full)); };
    return prepare_framed(image, spec, framing_of, out, limits);
}

std::vector<ImageInfo> prepare(std::span<const Bytes> images, const PreprocessSpec& spec, std::span<std::uint8_t> out,
                               const Limits& limits, unsigned threads) {
    return prepare_rows(
        images.size(), out, spec.size().bytes(), threads,
        [&](std::size_t i, std::span<std::uint8_t> row) { return prepare_image(images[i], spec, row, limits); });
}

std::vector<ImageInfo> prepare_tensors(std::span<const Bytes> images, const PreprocessSpec& spec,
                                       const TensorWriter& writer, std::span<std::byte> out, const Limits& limits,
                                       unsigned threads) {
    const auto prepare_tensor = [&](std::size_t i, std::span<std::byte> row) {
        if (writer.keeps_pixels()) {
            return prepare_image(images[i], spec, {reinterpret_cast<std::uint8_t*>(row.data()), row.size()}, limits);
        }
        thread_local std::vector<std::uint8_t> pixels;
        pixels.resize(spec.size().bytes());
        ImageInfo info = prepare_image(images[i], spec, pixels, limits);
        if (info.error) {
            std::ranges::fill(row, std::byte{0});
        } else {
            writer.write(pixels, row);
        }
        return info;
    };
    return prepare_rows(images.size(), out, writer.tensor_bytes(), threads, prepare_tensor);
}

}  // namespace saccade
