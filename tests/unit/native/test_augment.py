"""augment against torchvision, SciPy and hand sums."""

import math

import numpy as np
import pytest
from scipy import ndimage
from torch import from_numpy
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as torchvision

import saccade_native
from saccade_native import augment


def levels_apart(left, right):
    return np.abs(np.asarray(left).astype(int) - np.asarray(right).astype(int))


def by_torchvision(operation, pixels, *arguments):
    return operation(from_numpy(pixels).permute(2, 0, 1), *arguments).permute(1, 2, 0).numpy()


def warped(pixels, matrix):
    """SciPy's bilinear sampling at matrix @ (x, y, 1) about the middle, reflected as we do."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(float)
    x, y = x + 0.5 - width / 2, y + 0.5 - height / 2
    (a, b, c), (d, e, f) = matrix
    at = [d * x + e * y + f + height / 2 - 0.5, a * x + b * y + c + width / 2 - 0.5]
    planes = [ndimage.map_coordinates(pixels[..., i].astype(float), at, order=1, mode="mirror") for i in range(3)]
    return np.stack(planes, -1).round()


def randaugment_results(pixels, magnitude):
    """What each of the operations makes of pixels, for both signs where it has one."""
    height, width = pixels.shape[:2]
    share = magnitude / 30
    results = {
        "identity": pixels,
        "posterize": by_torchvision(torchvision.posterize, pixels, 8 - round(4 * share)),
        "solarize": by_torchvision(torchvision.solarize, pixels, 255 * (1 - share)),
        "autocontrast": by_torchvision(torchvision.autocontrast, pixels),
        "equalize": by_torchvision(torchvision.equalize, pixels),
    }
    for sign in (-1, 1):
        part = sign * share
        turn = math.radians(30 * part)
        results |= {
            f"shear x {sign}": warped(pixels, [(1, 0.3 * part, 0.3 * part * height / 2), (0, 1, 0)]),
            f"shear y {sign}": warped(pixels, [(1, 0, 0), (0.3 * part, 1, 0.3 * part * width / 2)]),
            f"translate x {sign}": warped(pixels, [(1, 0, int(150 / 331 * part * width)), (0, 1, 0)]),
            f"translate y {sign}": warped(pixels, [(1, 0, 0), (0, 1, int(150 / 331 * part * height))]),
            f"rotate {sign}": warped(
                pixels, [(math.cos(turn), math.sin(turn), 0), (-math.sin(turn), math.cos(turn), 0)]
            ),
            f"brightness {sign}": by_torchvision(torchvision.adjust_brightness, pixels, 1 + 0.9 * part),
            f"saturation {sign}": by_torchvision(torchvision.adjust_saturation, pixels, 1 + 0.9 * part),
            f"contrast {sign}": by_torchvision(torchvision.adjust_contrast, pixels, 1 + 0.9 * part),
            f"sharpness {sign}": by_torchvision(torchvision.adjust_sharpness, pixels, 1 + 0.9 * part),
        }
    return results


@pytest.mark.parametrize("magnitude", [9, 21])
def test_randaugment_takes_every_operation_and_each_is_the_references(photo, noise, magnitude):
    pixels = (photo(21, 34) // 2 + noise(21, 34) // 8 + 80).astype(np.uint8)
    references = randaugment_results(pixels, magnitude)
    seen = set()

    for image in range(300):
        result = augment(pixels, [f"randaugment(1,{magnitude})"], seed=1, image=image)
        apart = {name: levels_apart(result, reference) for name, reference in references.items()}
        nearest = min(apart, key=lambda name: apart[name].mean())
        assert apart[nearest].max() <= 1, nearest
        seen.add(nearest)

    assert seen == set(references)


@pytest.mark.parametrize(
    ("step", "operation", "spread"),
    [
        ("colour_jitter(0.4,0,0,0)", torchvision.adjust_brightness, 0.4),
        ("colour_jitter(0,0.4,0,0)", torchvision.adjust_contrast, 0.4),
        ("colour_jitter(0,0,0.4,0)", torchvision.adjust_saturation, 0.4),
        ("colour_jitter(0,0,0,0.3)", torchvision.adjust_hue, 0.3),
    ],
)
def test_colour_jitter_is_torchvisions_change_by_a_factor_of_its_range(photo, step, operation, spread):
    pixels = (photo(16, 17) // 3 + 60).astype(np.uint8)
    middle = 0 if operation is torchvision.adjust_hue else 1
    candidates = np.linspace(middle - spread, middle + spread, 801)
    changed = [by_torchvision(operation, pixels, factor) for factor in candidates]
    found = []

    for image in range(40):
        result = augment(pixels, [step], image=image)
        errors = [levels_apart(result, candidate).mean() for candidate in changed]
        best = int(np.argmin(errors))
        assert levels_apart(result, changed[best]).max() <= 2
        found.append(candidates[best])

    assert min(found) < middle - spread / 2
    assert max(found) > middle + spread / 2


def test_affine_of_a_turn_alone_keeps_the_middle_and_the_range():
    pixels = np.zeros((31, 31, 3), np.uint8)
    pixels[15, 15] = 255
    pixels[15, 25] = 255
    angles = []
    for image in range(60):
        result = augment(pixels, ["affine(30,0,1,1,0)"], image=image)[..., 0].astype(float)
        assert result[15, 15] >= 250
        result[12:19, 12:19] = 0
        y, x = (np.average(axis, weights=result) for axis in np.mgrid[0:31, 0:31])
        angles.append(math.degrees(math.atan2(y - 15, x - 15)))
        assert math.hypot(y - 15, x - 15) == pytest.approx(10, abs=0.3)
    assert max(np.abs(angles)) <= 31
    assert max(angles) > 20
    assert min(angles) < -20


def test_affine_scale_enlarges_about_the_middle():
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[10:30, 10:30] = 200

    result = augment(pixels, ["affine(0,0,1.5,1.5,0)"])

    assert (result[..., 0] > 100).sum() == 30 * 30


@pytest.mark.parametrize("px", [1, 3, 9])
def test_translate_moves_by_whole_pixels_and_reflects_the_border(noise, px):
    pixels = noise(10, 12)
    padded = np.pad(pixels, ((px, px), (px, px), (0, 0)), "reflect")
    moved = {(y, x): padded[y : y + 10, x : x + 12] for y in range(2 * px + 1) for x in range(2 * px + 1)}
    seen = set()

    for image in range(40 * len(moved)):
        result = augment(pixels, [f"translate({px})"], image=image)
        seen |= {shift for shift, expected in moved.items() if np.array_equal(result, expected)}
        if len(seen) == len(moved):
            break

    assert seen == set(moved)


def test_flip_mirrors_half_of_the_images_and_alternate_flips_the_others_next(noise):
    pixels = noise(4, 5)

    def flipped(step, epoch):
        results = [augment(pixels, [step], epoch=epoch, image=image) for image in range(2000)]
        assert all(np.array_equal(result, pixels) or np.array_equal(result, pixels[:, ::-1]) for result in results)
        return np.array([not np.array_equal(result, pixels) for result in results])

    assert flipped("flip", 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (flipped("flip", 0) != flipped("flip", 1)).mean() == pytest.approx(0.5, abs=0.05)
    assert flipped("flip(alternate)", 0).mean() == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(flipped("flip(alternate)", 3), ~flipped("flip(alternate)", 4))


@pytest.mark.parametrize("px", [1, 4, 5])
def test_cutout_fills_a_square_that_may_reach_over_the_border(noise, px):
    pixels = np.maximum(noise(9, 11), 10)
    sizes = set()
    for image in range(400):
        result = augment(pixels, [f"cutout({px})"], image=image, fill=(1, 2, 3))
        rows, columns = np.nonzero((result == (1, 2, 3)).all(-1))
        box = (np.ptp(rows) + 1, np.ptp(columns) + 1)
        assert box[0] * box[1] == len(rows)  # a filled rectangle
        assert max(box) <= px
        outside = np.ones((9, 11), bool)
        outside[rows, columns] = False
        assert np.array_equal(result[outside], pixels[outside])
        sizes.add(box)
    assert (px, px) in sizes
    assert px == 1 or min(min(box) for box in sizes) < px


def test_random_resized_crop_has_torchvisions_areas_and_ratios(photo):
    """The moments of the crop, seen by what becomes of a ramp, against torchvision's own draws."""
    ramp = np.zeros((64, 96, 3), np.uint8)
    ramp[..., 0] = np.arange(64)[:, None] * 4
    ramp[..., 1] = np.arange(96)[None] * 2
    heights, widths = [], []
    for image in range(1500):
        result = augment(ramp, ["random_resized_crop(0.2,1;0.75,1.3333)"], image=image).astype(float)
        # Of the inner part, where no sample is cut off: its slope tells how much of the picture was enlarged.
        heights.append((result[40, 48, 0] - result[20, 48, 0]) / 4 / 20 * 64)
        widths.append((result[32, 70, 1] - result[32, 30, 1]) / 2 / 40 * 96)
    draws = [
        RandomResizedCrop.get_params(from_numpy(ramp).permute(2, 0, 1), [0.2, 1], [0.75, 1.3333]) for _ in range(4000)
    ]

    assert np.mean(heights) == pytest.approx(np.mean([draw[2] for draw in draws]), abs=1.5)
    assert np.mean(widths) == pytest.approx(np.mean([draw[3] for draw in draws]), abs=1.5)
    assert np.std(heights) == pytest.approx(np.std([draw[2] for draw in draws]), abs=1.5)


def test_same_key_gives_the_same_picture_and_another_key_another(noise):
    pixels = noise(20, 20)
    steps = ["flip", "translate(4)", "cutout(5)", "colour_jitter(0.4,0.4,0.4,0.1)"]

    pictures = [augment(pixels, steps, seed, epoch, image) for seed in (0, 1) for epoch in (0, 1) for image in (0, 1)]

    assert np.array_equal(pictures[0], augment(pixels, steps, 0, 0, 0))
    assert len({picture.tobytes() for picture in pictures}) == 8


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["blur(3)"], "'blur(3)' is not known"),
        (["flip", "flip(alternate)"], "'flip(alternate)' is there twice"),
        (["translate(0)"], "a whole number from 1 to 4096, not '0'"),
        (["cutout(2.5)"], "a whole number from 1 to 4096, not '2.5'"),
        (["affine(10,0,1.2,0.8,0)"], "ends below its begin"),
        (["randaugment(2)"], "needs 2 numbers"),
        (["mixup(nan)"], "needs a number from 0.001 to 100, not 'nan'"),
        (["cutmix(1"], "no closing bracket"),
        (["flip(always)"], "knows no argument but alternate"),
    ],
)
def test_impossible_lines_are_spec_errors_that_quote_them(noise, lines, message):
    with pytest.raises(saccade_native.SpecError) as caught:
        augment(noise(4, 4), lines)

    assert message in str(caught.value)
    assert "Known: random_resized_crop" in str(caught.value)
