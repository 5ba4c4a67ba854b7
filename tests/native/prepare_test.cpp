#include "saccade/prepare.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "encode.hpp"
#include "saccade/resize.hpp"

namespace saccade {
namespace {

using test::File;
using Lines = std::vector<std::string>;

/// A batch of every format and many sizes, the fourth file truncated.
std::vector<File> mixed_files() {
    std::vector<File> files;
    for (int i = 0; i < 18; ++i) {
        const Image pixels = test::noise({20 + 13 * i, 300 - 16 * i}, static_cast<unsigned>(i));
        files.push_back(i % 3 == 0   ? test::encode_jpeg(pixels)
                        : i % 3 == 1 ? test::encode_png(pixels)
                                     : test::encode_webp(pixels));
    }
    files[3].resize(files[3].size() / 2);
    return files;
}

struct Batch {
    std::vector<std::uint8_t> pixels;
    std::vector<ImageInfo> infos;
};

Batch prepared(const std::vector<File>& files, const Lines& lines, unsigned threads = 1) {
    const PreprocessSpec spec = PreprocessSpec::parse(lines);
    const std::vector<Bytes> images(files.begin(), files.end());
    Batch batch{std::vector<std::uint8_t>(files.size() * spec.size().bytes(), 77), {}};
    batch.infos = prepare(images, spec, batch.pixels, {}, threads);
    return batch;
}

const Lines kCropped{"decode", "resize_short(40)", "center_crop(32)"};

TEST(Prepare, equals_decode_resize_and_crop_one_after_the_other) {
    const Image pixels = test::noise({90, 61});
    const Image resized = resize(pixels.view(), {59, 40});  // 40 * 90 / 61

    const Batch batch = prepared({test::encode_png(pixels)}, kCropped);

    const std::uint8_t* expected = resized.view().row(14) + 4 * kChannels;  // (59 - 32) / 2 = 13.5, to even
    EXPECT_TRUE(std::equal(expected, expected + 32 * kChannels, batch.pixels.begin()));
    EXPECT_EQ(batch.infos[0].size, (Size{90, 61}));
    EXPECT_EQ(batch.infos[0].format, Format::kPng);
}

TEST(Prepare, gives_the_same_for_any_number_of_threads_and_any_split) {
    const std::vector<File> files = mixed_files();
    const Batch alone = prepared(files, kCropped, 1);

    EXPECT_EQ(prepared(files, kCropped, 4).pixels, alone.pixels);
    EXPECT_EQ(prepared(files, kCropped, 100).pixels, alone.pixels);
    std::vector<std::uint8_t> one_by_one;
    for (const File& file : files) {
        const Batch single = prepared({file}, kCropped);
        one_by_one.insert(one_by_one.end(), single.pixels.begin(), single.pixels.end());
    }
    EXPECT_EQ(one_by_one, alone.pixels);
}

TEST(Prepare, may_be_called_from_several_threads_at_once) {
    const std::vector<File> files = mixed_files();
    const Batch alone = prepared(files, kCropped, 1);
    std::vector<Batch> batches(4);
    {
        std::vector<std::jthread> callers;
        for (Batch& batch : batches) {
            callers.emplace_back([&files, &batch] { batch = prepared(files, kCropped, 3); });
        }
    }
    for (const Batch& batch : batches) EXPECT_EQ(batch.pixels, alone.pixels);
}

TEST(Prepare, works_in_a_child_that_is_forked_in_the_midst_of_other_calls) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "Sanitizers do not release their own locks, which other threads hold at the fork, in the child.";
#endif
    const std::vector<File> files = mixed_files();
    const Batch alone = prepared(files, kCropped, 1);
    const std::jthread busy([&files](const std::stop_token& stop) {
        while (!stop.stop_requested()) prepared(files, kCropped, 3);
    });
    for (int round = 0; round < 5; ++round) {
        prepared(files, kCropped, 3);  // both callers share the pool's workers at the fork
        const pid_t child = fork();
        if (child == 0) _exit(prepared(files, kCropped, 3).pixels == alone.pixels ? 0 : 1);
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

TEST(Prepare, failed_image_is_zeros_and_harms_no_neighbour) {
    const std::vector<File> files = mixed_files();

    const Batch batch = prepared(files, kCropped, 3);

    for (std::size_t i = 0; i < files.size(); ++i) EXPECT_EQ(batch.infos[i].error.has_value(), i == 3) << i;
    EXPECT_EQ(batch.infos[3].error->code(), Code::kTruncated);
    const std::size_t bytes = batch.pixels.size() / files.size();
    const auto row = batch.pixels.begin() + static_cast<std::ptrdiff_t>(3 * bytes);
    EXPECT_TRUE(
        std::all_of(row, row + static_cast<std::ptrdiff_t>(bytes), [](std::uint8_t level) { return level == 0; }));
}

TEST(Prepare, turned_picture_is_the_turned_result) {
    const Image pixels = test::noise({48, 48});
    const File exif = test::exif_with_orientation(2);
    const File file = test::encode_png(pixels, {.exif = File(exif.begin() + 6, exif.end())});

    const Batch mirrored = prepared({file}, {"decode", "resize(48,48)"});

    EXPECT_TRUE(std::equal(mirrored.pixels.begin(), mirrored.pixels.begin() + 3, pixels.view().row(0) + 47 * 3));
}

TEST(Prepare, huge_image_leaves_no_memory_behind_that_changes_a_small_one) {
    const File small = test::encode_png(test::noise({10, 10}));
    const Batch before = prepared({small}, {"decode", "resize(8,8)"});

    prepared({test::encode_png(test::gradient({2400, 2400}))}, {"decode", "resize(8,8)"});

    EXPECT_EQ(prepared({small}, {"decode", "resize(8,8)"}).pixels, before.pixels);
}

TEST(Prepare, part_is_the_resized_part) {
    const Image pixels = test::noise({90, 61});
    const File file = test::encode_png(pixels);
    const PreprocessSpec spec = PreprocessSpec::parse(Lines{"decode", "resize(20,16)"});
    Image part({40, 32});
    for (int y = 0; y < 40; ++y) std::copy_n(pixels.view().row(30 + y) + 12 * kChannels, 32 * kChannels, part.row(y));
    std::vector<std::uint8_t> out(spec.size().bytes());

    const ImageInfo info = prepare_part(
        file, spec,
        [](Size) {
            return Box{30, 12, 70, 44};
        },
        out);

    const Image expected = resize(part.view(), {20, 16});
    EXPECT_TRUE(std::ranges::equal(out, expected.data()));
    EXPECT_EQ(info.size, (Size{90, 61}));
}

TEST(Prepare, part_of_a_turned_jpeg_is_the_part_as_displayed) {
    // Stored columns run down when orientation 6 is displayed: the upper left corner is stored at the lower left.
    const Image pixels = test::gradient({96, 160});
    const File file = test::encode_jpeg(pixels, {.exif = test::exif_with_orientation(6)});
    const PreprocessSpec spec = PreprocessSpec::parse(Lines{"decode", "resize(32,32)"});
    const Image upright = decode(file);
    ASSERT_EQ(upright.size(), (Size{160, 96}));
    std::vector<std::uint8_t> out(spec.size().bytes());

    prepare_part(
        file, spec,
        [](Size full) {
            return Box{full.height - 32.0, 8, full.height * 1.0, 40};
        },
        out);

    for (int y = 0; y < 32; ++y) {
        const std::uint8_t* expected = upright.view().row(128 + y) + 8 * kChannels;
        ASSERT_TRUE(std::equal(expected, expected + 32 * kChannels, out.begin() + y * 32 * 3)) << y;
    }
}

TEST(Prepare, tensors_are_what_the_writer_makes_of_the_pixels) {
    const std::vector<File> files = mixed_files();
    const std::vector<Bytes> images(files.begin(), files.end());
    const PreprocessSpec spec = PreprocessSpec::parse(kCropped);
    const Batch batch = prepared(files, kCropped);
    for (const DataType type : {DataType::kUint8, DataType::kBfloat16, DataType::kFloat32}) {
        const TensorWriter writer(spec, {type, Layout::kNchw});
        std::vector<std::byte> expected(files.size() * writer.tensor_bytes());
        std::vector<std::byte> out(expected.size(), std::byte{7});
        writer.write_all(batch.pixels, expected);

        prepare_tensors(images, spec, writer, out);

        EXPECT_EQ(out, expected);  // without a mean, the zeros of the failed image stay zeros
    }
}

TEST(Prepare, output_of_another_size_is_argument_error) {
    const PreprocessSpec spec = PreprocessSpec::parse(kCropped);
    std::vector<std::uint8_t> out(10);

    EXPECT_EQ(test::error_of([&] { prepare_image({}, spec, out); }).code(), Code::kArgument);
    EXPECT_EQ(test::error_of([&] { prepare({}, spec, out); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
