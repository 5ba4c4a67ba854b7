#include "saccade/loader.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "encode.hpp"

namespace saccade {
namespace {

using test::File;
using Lines = std::vector<std::string>;

constexpr std::size_t kImages = 23;
const PreprocessSpec kSpec = PreprocessSpec::parse(Lines{"decode", "resize(8,8)"});
constexpr TensorFormat kLevels{DataType::kUint8, Layout::kNhwc};

std::vector<std::int64_t> numbers(std::size_t count) {
    std::vector<std::int64_t> result(count);
    std::iota(result.begin(), result.end(), 0);
    return result;
}

LoaderSettings settings(std::size_t batch_size, unsigned threads = 1) {
    LoaderSettings settings;
    settings.labels = settings.rows = numbers(kImages);
    settings.batch_size = batch_size;
    settings.seed = 3;
    settings.threads = threads;
    return settings;
}

const Image kPixels = test::noise({8 * static_cast<int>(kImages), 8});

Loader loader_of(const Lines& steps, LoaderSettings wanted) {
    return {{kPixels.data(), {8, 8}, {}}, kSpec, Augmentation::parse(steps), kLevels, std::move(wanted)};
}

struct Taken {
    LoaderPosition position;
    std::vector<std::byte> tensors;
    std::vector<std::int64_t> rows;
    bool operator==(const Taken&) const = default;
};

std::vector<Taken> take(Loader& loader, int count) {
    std::vector<Taken> taken;
    for (int i = 0; i < count; ++i) {
        const LoadedBatch& batch = loader.next();
        taken.push_back({batch.position, batch.tensors, batch.rows});
    }
    return taken;
}

const Lines kEverything{"random_resized_crop(0.2,1;0.5,2)",
                        "affine(20,0.1,0.8,1.2,5)",
                        "randaugment(2,9)",
                        "colour_jitter(0.4,0.4,0.4,0.1)",
                        "translate(2)",
                        "flip",
                        "cutout(3)",
                        "mixup(1)",
                        "cutmix(1)"};

TEST(Loader, epoch_shows_every_row_once_in_another_order_each_time) {
    Loader loader = loader_of({}, settings(kImages));

    const std::vector<Taken> epochs = take(loader, 3);

    for (const Taken& epoch : epochs) {
        std::vector<std::int64_t> rows = epoch.rows;
        std::ranges::sort(rows);
        EXPECT_EQ(rows, numbers(kImages));
    }
    EXPECT_NE(epochs[0].rows, epochs[1].rows);
    EXPECT_NE(epochs[1].rows, epochs[2].rows);
}

TEST(Loader, gives_the_pixels_of_its_rows) {
    Loader loader = loader_of({}, settings(4));

    const Taken batch = take(loader, 1)[0];

    for (std::size_t i = 0; i < 4; ++i) {
        const auto expected = kPixels.data().subspan(static_cast<std::size_t>(batch.rows[i]) * kSpec.size().bytes(),
                                                     kSpec.size().bytes());
        EXPECT_TRUE(std::ranges::equal(std::as_bytes(expected),
                                       std::span(batch.tensors).subspan(i * expected.size(), expected.size())));
    }
}

TEST(Loader, gives_the_same_for_any_number_of_threads) {
    Loader alone = loader_of(kEverything, settings(5, 1));
    Loader together = loader_of(kEverything, settings(5, 4));

    EXPECT_EQ(take(alone, 12), take(together, 12));
}

TEST(Loader, goes_on_from_any_position_as_if_it_had_never_stopped) {
    Loader loader = loader_of(kEverything, settings(5));
    const std::vector<Taken> whole = take(loader, 12);
    for (std::size_t done = 0; done < 12; ++done) {
        Loader resumed = loader_of(kEverything, settings(5));
        resumed.seek(whole[done].position);
        EXPECT_EQ(resumed.position(), whole[done].position);
        EXPECT_EQ(take(resumed, 1)[0], whole[done]) << done;
    }
    loader.seek({0, 2});
    EXPECT_EQ(take(loader, 1)[0], whole[2]);
}

TEST(Loader, workers_take_turns_at_the_batches_of_one_epoch_order) {
    Loader alone = loader_of({}, settings(2));
    const std::vector<Taken> batches = take(alone, 9);  // of 11; the last two make no step for all three
    for (std::size_t rank = 0; rank < 3; ++rank) {
        LoaderSettings part = settings(2);
        part.rank = rank;
        part.world_size = 3;
        Loader loader = loader_of({}, part);
        ASSERT_EQ(loader.steps_per_epoch(), 3U);  // 23 / (2 * 3)
        const std::vector<Taken> share = take(loader, 3);
        for (std::size_t step = 0; step < 3; ++step) EXPECT_EQ(share[step].rows, batches[step * 3 + rank].rows);
    }
}

TEST(Loader, encoded_images_are_prepared) {
    std::vector<File> files;
    for (std::size_t i = 0; i < kImages; ++i) {
        Image pixels({8, 8});
        std::ranges::copy(kPixels.data().subspan(i * kSpec.size().bytes(), kSpec.size().bytes()),
                          pixels.data().begin());
        files.push_back(test::encode_png(pixels));
    }
    for (const Lines& steps : {Lines{}, Lines{"random_resized_crop(0.1,1;0.5,2)", "flip"}}) {
        Loader encoded({{}, {}, {files.begin(), files.end()}}, kSpec, Augmentation::parse(steps), kLevels, settings(5));
        Loader stored = loader_of(steps, settings(5));

        EXPECT_EQ(take(encoded, 9), take(stored, 9));
    }
}

TEST(Loader, broken_image_is_an_error_that_names_its_row_until_another_position_is_sought) {
    std::vector<File> files(kImages, test::encode_png(test::noise({8, 8})));
    files[17] = {'t', 'e', 'x', 't'};
    Loader loader({{}, {}, {files.begin(), files.end()}}, kSpec, Augmentation::parse({}), kLevels, settings(kImages));

    const Error error = test::error_of([&] { loader.next(); });

    EXPECT_EQ(error.code(), Code::kUnknownFormat);
    EXPECT_NE(error.message().find("Row 17: "), std::string::npos) << error.message();
    EXPECT_EQ(test::error_of([&] { loader.next(); }).code(), Code::kUnknownFormat);
    loader.seek({1, 0});
    EXPECT_EQ(test::error_of([&] { loader.next(); }).code(), Code::kUnknownFormat);
}

TEST(Loader, batches_before_a_broken_image_come) {
    std::vector<File> files(kImages, test::encode_png(test::noise({8, 8})));
    Loader whole({{}, {}, {files.begin(), files.end()}}, kSpec, Augmentation::parse({}), kLevels, settings(5));
    const std::vector<Taken> expected = take(whole, 3);
    files[static_cast<std::size_t>(expected[2].rows[4])] = {'t', 'e', 'x', 't'};
    Loader loader({{}, {}, {files.begin(), files.end()}}, kSpec, Augmentation::parse({}), kLevels, settings(5));

    EXPECT_EQ(take(loader, 2), (std::vector{expected[0], expected[1]}));
    EXPECT_EQ(test::error_of([&] { loader.next(); }).code(), Code::kUnknownFormat);
    EXPECT_EQ(loader.position(), (LoaderPosition{0, 2}));
}

TEST(Loader, copy_in_a_forked_child_goes_on_where_the_parent_stood) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "Sanitizers do not release their own locks, which other threads hold at the fork, in the child.";
#endif
    Loader whole = loader_of(kEverything, settings(5, 2));
    const std::vector<Taken> expected = take(whole, 12);
    for (int done = 0; done < 8; ++done) {
        Loader loader = loader_of(kEverything, settings(5, 2));
        take(loader, done);
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);  // a child that waits for its parent's thread would wait for ever
            const auto from = expected.begin() + done;
            bool is_same = take(loader, 4) == std::vector<Taken>(from, from + 4);
            loader.seek({0, 1});
            is_same = is_same && take(loader, 1)[0] == expected[1];
            loader.~Loader();
            _exit(is_same ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << done;
        EXPECT_EQ(take(loader, 1)[0], expected[static_cast<std::size_t>(done)]);
    }
}

TEST(Loader, copy_in_a_forked_child_can_be_left_at_once) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "Sanitizers do not release their own locks, which other threads hold at the fork, in the child.";
#endif
    Loader loader = loader_of(kEverything, settings(5, 2));
    take(loader, 1);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        loader.~Loader();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Loader, can_be_left_at_any_moment) {
    for (int taken = 0; taken < 4; ++taken) {
        Loader loader = loader_of(kEverything, settings(5, 2));
        take(loader, taken);
    }
}

TEST(Loader, mixing_gives_the_partners_labels_and_one_weight) {
    Loader loader = loader_of({"mixup(1)"}, settings(5));

    const LoadedBatch& batch = loader.next();

    EXPECT_EQ(batch.partner_labels[0], batch.labels[4]);
    EXPECT_EQ(batch.partner_labels[3], batch.labels[2]);
    const auto level = [&](std::int64_t row) {
        return kPixels.data()[static_cast<std::size_t>(row) * kSpec.size().bytes()];
    };
    const double expected = batch.weight * level(batch.rows[3]) + (1 - batch.weight) * level(batch.rows[2]);
    EXPECT_NEAR(std::to_integer<int>(batch.tensors[3 * kSpec.size().bytes()]), expected, 0.51);
}

TEST(Loader, numbers_that_do_not_fit_are_argument_errors) {
    LoaderSettings large = settings(24);
    LoaderSettings rank = settings(2);
    rank.rank = 1;
    LoaderSettings labels = settings(2);
    labels.labels.pop_back();
    LoaderSettings rows = settings(2);
    rows.rows.push_back(23);
    LoaderSettings world = settings(4);
    world.world_size = std::size_t{1} << 62U;  // 4 times that is 0 in 64 bits
    const LoaderSettings endless = settings(std::numeric_limits<std::size_t>::max());
    for (const LoaderSettings& wrong : {large, rank, labels, rows, world, endless, settings(0)}) {
        EXPECT_EQ(test::error_of([&] { loader_of({}, wrong); }).code(), Code::kArgument);
    }
    Loader loader = loader_of({}, settings(5));
    EXPECT_EQ(test::error_of([&] { loader.seek({0, 4}); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
