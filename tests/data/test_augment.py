"""SSD's augmentation: truth follows the pixels, on images that are not square.

The oracle draws each object as a rectangle of one colour, runs the geometry with
nearest-neighbour interpolation, and looks where that colour went.
"""

import importlib

import cv2
import numpy as np
import pytest

from data import augment, resize

# `data.augment` is the function; these tests also want the module behind it.
steps = importlib.import_module("data.augment")
SIZE = 300
SHAPES = [(200, 320), (330, 150), (40, 300)]  # height, width
COLORS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
EMPTY = np.zeros((0, 5), np.float32)


def colored_image(shape, seed=0):
    """A grey image with one rectangle per colour, side by side, and its truth."""
    height, width = shape
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128, np.uint8)
    truth = []
    for i, color in enumerate(COLORS):
        third = width // 3
        xmin, xmax = i * third + rng.integers(2, third // 3), (i + 1) * third - 3
        ymin, ymax = rng.integers(0, height // 3), rng.integers(height // 2, height)
        image[ymin:ymax, xmin:xmax] = color
        truth.append((xmin / width, ymin / height, xmax / width, ymax / height, i + 1))
    return image, np.array(truth, np.float32)


def assert_truth_bounds_colors(image, truth, tolerance_px=2):
    size = image.shape[1], image.shape[0]
    for row in truth:
        ys, xs = np.nonzero((image == COLORS[int(row[4]) - 1]).all(axis=-1))
        seen = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        np.testing.assert_allclose(row[:4] * np.tile(size, 2), seen, atol=tolerance_px)


@pytest.fixture
def geometry_only(monkeypatch):
    monkeypatch.setattr(steps, "photometric", lambda image, rng: image)
    monkeypatch.setattr(steps, "INTERPOLATIONS", (cv2.INTER_NEAREST,))


@pytest.mark.parametrize("shape", SHAPES)
def test_truth_still_bounds_the_pixels(geometry_only, shape):
    image, truth = colored_image(shape)
    kept = []
    for seed in range(150):
        out, boxes = augment(image, truth, np.random.default_rng(seed), SIZE)
        assert out.shape == (SIZE, SIZE, 3) and out.dtype == np.uint8
        assert boxes.dtype == np.float32 and boxes.min() >= 0 and boxes.max() <= 3
        assert_truth_bounds_colors(out, boxes)
        kept.append(len(boxes))
    assert min(kept) == 1 and max(kept) == 3


def take_window(image, window, size, interpolation):
    part = steps._shown(image, window, size, interpolation)
    return steps._in_mean(part, window, size)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("interpolation", steps.INTERPOLATIONS)
def test_each_interpolation_puts_edges_in_the_same_place(shape, interpolation):
    """A dark and a light half: the step lies where the box ends."""
    height, width = shape
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :] = 255
    for seed in range(20):
        rng = np.random.default_rng(seed)
        window = steps.whole_pixels(steps.expand(steps.WHOLE, rng), shape)
        truth = np.array([[0, 0, (width // 2) / width, 1, 1]], np.float32)
        boxes = steps.truth_in_window(truth, window)
        out = take_window(image, window, SIZE, interpolation)
        left, top, right, bottom = boxes[0, :4] * SIZE
        row = out[int((top + bottom) / 2), :, 0].astype(int)
        filled = (out == np.array(steps.MEAN)).all(axis=-1)
        share = 1 - 1 / np.prod(window[2:] - window[:2])  # what the image leaves
        np.testing.assert_allclose(filled.mean(), share, atol=0.02)
        inside = row[int(left) + 2 : int(right) - 3]
        assert inside.max(initial=0) <= 30
        assert row[min(int(right) + 4, SIZE - 1)] > 90


def test_plain_resizes_and_keeps_truth():
    for shape in [*SHAPES, (1000, 1300)]:
        image, truth = colored_image(shape)
        out, boxes = resize(image, truth, SIZE)
        np.testing.assert_array_equal(boxes, truth)
        ys, xs = np.nonzero((out.astype(int) @ [1, -1, 0]) > 100)  # red
        seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / SIZE
        np.testing.assert_allclose(truth[0, :4], seen, atol=4 / SIZE)


def test_the_mean_fills_what_is_outside():
    image = np.zeros((50, 90, 3), np.uint8)
    expanded = 0
    for seed in range(40):
        out, _ = augment(image, EMPTY, np.random.default_rng(seed), SIZE)
        filled = (out == np.array(steps.MEAN)).all(axis=-1)
        expanded += bool(filled.any())
        assert (filled | (out.max(axis=-1) <= 32)).all()  # black, at most brightened
    assert 10 <= expanded <= 30  # half the time


def test_colours_of_the_part_that_is_shown_equal_those_of_the_whole():
    """The mean around it is not distorted: Caffe expands after the colours."""
    image, truth = colored_image((120, 200))
    image = image + np.random.default_rng(0).integers(0, 100, image.shape, np.uint8)
    for seed in range(30):
        fast, boxes = augment(image, truth, np.random.default_rng(seed), SIZE)
        rng = np.random.default_rng(seed)
        window = steps.min_iou_crop(steps.expand(steps.WHOLE, rng), truth, rng)
        window = steps.whole_pixels(window, image.shape)
        interpolation = steps.INTERPOLATIONS[rng.integers(len(steps.INTERPOLATIONS))]
        ones = np.full_like(image, 255)
        nearest = cv2.INTER_NEAREST
        inside = (take_window(ones, window, SIZE, nearest) == 255).all(axis=-1)
        whole = take_window(image, window, SIZE, interpolation)
        whole = steps.photometric(whole, rng)
        whole[~inside] = steps.MEAN
        slow, slow_boxes = steps.mirror(
            whole, steps.truth_in_window(truth, window), rng
        )
        # OpenCV's HSV rounds a row's last pixels otherwise than those before them
        difference = np.abs(fast.astype(int) - slow)
        assert difference.max() <= 3 and difference.mean() < 0.1
        np.testing.assert_array_equal(boxes, slow_boxes)


def test_the_same_seed_gives_the_same_bytes_and_inputs_stay():
    image, truth = colored_image((120, 200))
    before = image.copy(), truth.copy()
    results = set()
    for seed in (0, 1, 0, 1):
        out, boxes = augment(image, truth, np.random.default_rng(seed), SIZE)
        out[:], boxes[:] = out.copy(), boxes.copy()  # writable
        results.add((out.tobytes(), boxes.tobytes()))
    assert len(results) == 2
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(truth, before[1])


@pytest.mark.parametrize("function", [steps.resize, augment])
def test_results_share_no_memory_with_the_image(function):
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    for seed in range(20):
        truth = np.array([[0.1, 0.1, 0.9, 0.9, 1]], np.float32)
        rest = () if function is resize else (np.random.default_rng(seed),)
        out, boxes = function(image, truth, *rest)
        assert not np.shares_memory(out, image)
        assert not np.shares_memory(boxes, truth)


def test_expansion_keeps_the_image_inside_a_window_up_to_4_times_as_large():
    windows = [steps.expand(steps.WHOLE, np.random.default_rng(i)) for i in range(400)]
    sides = np.array([w[2:] - w[:2] for w in windows])
    np.testing.assert_allclose(sides[:, 0], sides[:, 1])
    assert sides.min() >= 1 and 3.8 < sides.max() <= 4
    assert 0.4 < (sides[:, 0] > 1).mean() < 0.6
    assert all((w[:2] <= 0).all() and (w[2:] >= 1).all() for w in windows)


def test_crops_keep_to_scale_aspect_and_overlap():
    _, truth = colored_image((200, 320))
    crops = [
        steps.min_iou_crop(steps.WHOLE, truth, np.random.default_rng(i))
        for i in range(400)
    ]
    sides = np.array([c[2:] - c[:2] for c in crops])
    ratios = sides[:, 0] / sides[:, 1]
    areas = sides.prod(axis=1)
    assert ratios.min() >= 0.5 and ratios.max() <= 2
    assert areas.min() >= 0.3**2 and areas.max() <= 1
    assert 0.1 < (areas == 1).mean() < 0.5  # at least one of seven conditions
    assert np.min(crops) >= 0 and np.max(crops) <= 1
    assert all(len(steps.truth_in_window(truth, crop)) for crop in crops)


@pytest.mark.parametrize("min_iou", [0.1, 0.3, 0.5, 0.7])
def test_crops_overlap_an_object_by_the_condition(monkeypatch, min_iou):
    monkeypatch.setattr(steps, "MIN_IOUS", (min_iou, min_iou, None))
    truth = np.array([[0.1, 0.2, 0.8, 0.9, 1]], np.float32)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        crop = steps.min_iou_crop(steps.WHOLE, truth, rng)
        low, high = np.maximum(crop[:2], (0.1, 0.2)), np.minimum(crop[2:], (0.8, 0.9))
        shared = np.prod(np.clip(high - low, 0, None))
        union = np.prod(crop[2:] - crop[:2]) + 0.49 - shared
        assert (crop == steps.WHOLE).all() or shared / union >= min_iou - 1e-6


def test_boxes_whose_centre_is_outside_are_dropped_and_others_cut():
    truth = np.array([[0.0, 0.4, 0.2, 0.6, 1], [0.4, 0.4, 0.8, 0.6, 2]], np.float32)
    kept = steps.truth_in_window(truth, np.array([0.15, 0.0, 0.7, 1.0]))
    # (0.4 - 0.15) / 0.55 = 0.4545, 0.8 is beyond 0.7 -> 1
    np.testing.assert_allclose(kept, [[0.4545, 0.4, 1, 0.6, 2]], atol=1e-4)
    assert steps.truth_in_window(EMPTY, steps.WHOLE).shape == (0, 5)


def test_mirror():
    image, truth = colored_image((60, 100))
    flipped = 0
    for seed in range(40):
        out, boxes = steps.mirror(image, truth, np.random.default_rng(seed))
        assert_truth_bounds_colors(out, boxes, 0.01)
        flipped += not np.array_equal(out, image)
    assert 10 <= flipped <= 30


def slow_photometric(image, rng):
    """Caffe's DistortImage in float and OpenCV, step by step."""
    chance = lambda: rng.random() < 0.5  # noqa: E731
    clip = lambda x: np.clip(np.round(x), 0, 255).astype(np.uint8)  # noqa: E731
    brightness = rng.uniform(-32, 32) if chance() else 0.0
    contrast = rng.uniform(0.5, 1.5) if chance() else 1.0
    saturation = rng.uniform(0.5, 1.5) if chance() else 1.0
    hue = rng.uniform(-18, 18) if chance() else 0.0
    early = chance()
    image = clip(image + brightness)
    if early:
        image = clip(image * contrast)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(float)
    hsv[..., 1] = clip(hsv[..., 1] * saturation)
    hsv[..., 0] = np.round(hsv[..., 0] + hue) % 180
    image = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return image if early else clip(image * contrast)


def test_photometric_against_the_slow_way():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    for seed in range(40):
        fast = steps.photometric(image, np.random.default_rng(seed))
        slow = slow_photometric(image, np.random.default_rng(seed))
        # Where neither hue nor saturation changes, the slow way still rounds in HSV.
        assert np.abs(fast.astype(int) - slow).mean() < 2
