"""Tiles: where they lie, what they show, their truth, merging what is found in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import Dataset, Sample
from data.tiles import (
    OVERLAP,
    crop_tiles,
    merge_tile_detections,
    tile_dataset,
    tile_windows,
)
from tests.helpers.detectors import colour_detector, scene


@pytest.mark.parametrize(
    ("size_wh", "tile_px", "expected"),
    [
        ((300, 300), 300, [[0, 0, 300, 300]]),
        ((200, 100), 300, [[0, 0, 200, 100]]),
        ((301, 100), 300, [[0, 0, 300, 100], [1, 0, 301, 100], [0, 0, 301, 100]]),
        # two tiles reach 100 + 75; three are needed from 176 on
        ((175, 100), 100, [[0, 0, 100, 100], [75, 0, 175, 100], [0, 0, 175, 100]]),
        (
            (100, 176),
            100,
            [[0, 0, 100, 100], [0, 38, 100, 138], [0, 76, 100, 176], [0, 0, 100, 176]],
        ),
    ],
)
def test_windows(size_wh, tile_px, expected):
    assert tile_windows(size_wh, tile_px).tolist() == expected


@given(st.integers(1, 900), st.integers(1, 900), st.integers(20, 400), st.data())
def test_every_object_up_to_the_overlap_lies_whole_in_a_tile(wide, high, tile, data):
    windows = tile_windows((wide, high), tile)
    assert windows.min() >= 0
    assert (windows[:, 2:].max(axis=0) == (wide, high)).all()
    if len(windows) > 1:
        assert windows[-1].tolist() == [0, 0, wide, high]
        windows = windows[:-1]
    side = max(int(OVERLAP * tile) - 1, 1)  # whole pixels: tiles are rounded
    x = data.draw(st.integers(0, max(wide - side, 0)))
    y = data.draw(st.integers(0, max(high - side, 0)))
    box = np.array([x, y, min(x + side, wide), min(y + side, high)])
    inside = (windows[:, :2] <= box[:2]) & (windows[:, 2:] >= box[2:])
    assert inside.all(axis=1).any()


def test_cut_shows_the_windows():
    image = scene((500, 300), red=(200, 0, 500, 300))
    tiles = crop_tiles(image, tile_windows((500, 300), 300), 300)
    np.testing.assert_array_equal(tiles[0], image[:, :300])
    np.testing.assert_array_equal(tiles[1], image[:, 200:])
    assert (tiles[2][:, 125:, 0] > 200).all()  # the whole, squeezed


def rows(*items):
    """(class, score, box in pixels of a window of 100) -> (K, 6)."""
    table = [[c, s, *(np.array(box) / 100)] for c, s, box in items]
    return np.array(table, np.float32).reshape(-1, 6)


WINDOWS = tile_windows((175, 100), 100)  # 0..100, 75..175, the whole
NONE = rows()


def merged(left, right, whole=NONE):
    found = merge_tile_detections([left, right, whole], WINDOWS, 0.45, 200)
    boxes = found[:, 2:] * (175, 100, 175, 100)
    return [
        (int(row[0]), round(float(row[1]), 2), *np.round(box, 1).tolist())
        for row, box in zip(found, boxes, strict=True)
    ]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (NONE, NONE, []),
        # one alone in each tile
        (
            rows((1, 0.6, (10, 10, 30, 30))),
            rows((1, 0.7, (50, 10, 70, 30))),
            [(1, 0.7, 125, 10, 145, 30), (1, 0.6, 10, 10, 30, 30)],
        ),
        # the same object, whole in both: the better one stays
        (
            rows((1, 0.6, (78, 10, 95, 30))),
            rows((1, 0.7, (3, 10, 20, 30))),
            [(1, 0.7, 78, 10, 95, 30)],
        ),
        # of another class: both stay
        (
            rows((1, 0.6, (78, 10, 95, 30))),
            rows((2, 0.7, (3, 10, 20, 30))),
            [(2, 0.7, 78, 10, 95, 30), (1, 0.6, 78, 10, 95, 30)],
        ),
        # cut by the left tile, with the higher score: the whole one stays
        (
            rows((1, 0.9, (90, 10, 100, 30))),
            rows((1, 0.5, (15, 10, 45, 30))),
            [(1, 0.5, 90, 10, 120, 30)],
        ),
        # cut by the left tile, and nothing else is there: it stays
        (
            rows((1, 0.9, (90, 10, 100, 30))),
            NONE,
            [(1, 0.9, 90, 10, 100, 30)],
        ),
        # at the image's own edge nothing is cut
        (
            rows((1, 0.9, (0, 10, 20, 30)), (1, 0.5, (0, 10, 50, 30))),
            NONE,
            [(1, 0.9, 0, 10, 20, 30), (1, 0.5, 0, 10, 50, 30)],
        ),
    ],
)
def test_merge(left, right, expected):
    assert merged(left, right) == [pytest.approx(row, abs=0.1) for row in expected]


def test_the_whole_image_counts_for_large_objects_alone():
    # in pixels: 17.5 x 20 fits a tile's overlap of 25, 87.5 x 60 does not
    whole = rows((1, 0.9, (40, 10, 50, 30)), (2, 0.8, (30, 10, 80, 70)))
    halves = rows((2, 0.9, (52.5, 10, 100, 70))), rows((2, 0.9, (0, 10, 65, 70)))
    assert merged(*halves, whole) == [
        pytest.approx((2, 0.8, 52.5, 10, 140, 70), abs=0.1)
    ]


def test_one_window_is_left_as_it_is():
    found = rows((1, 0.9, (0, 0, 10, 10)), (0, 0, (0, 0, 0, 0)))
    (row,) = merge_tile_detections([found], tile_windows((80, 60), 100), 0.45, 200)
    np.testing.assert_array_equal(row, found[0])


def test_a_large_image_through_a_detector():
    """Rectangles in the middle, over two tiles and in a corner, each found once."""
    image = np.full((1400, 2100, 3), 110, np.uint8)
    places = [(40, 50), (290, 280), (1100, 700), (2070, 1380)]
    for x, y in places:
        image[y : y + 12, x : x + 18] = (230, 20, 20)
    found = colour_detector(tile_px=300)(image)
    boxes = sorted(np.round(found.boxes).astype(int).tolist())
    expected = [[x, y, min(x + 18, 2100), y + 12] for x, y in places]
    assert boxes == sorted(expected)


# training


def make_image(size_wh, *objects):
    """objects: (class, difficult, corners in pixels)."""
    side = np.tile(size_wh, 2)
    table = [[*(np.array(box) / side), c] for c, _, box in objects]
    truth = np.array(table, np.float32).reshape(-1, 5)
    return Sample("x.jpg", size_wh, truth, np.array([d for _, d, _ in objects], bool))


def test_truth_of_tiles():
    big = make_image(
        (175, 100),
        (1, False, (80, 10, 100, 30)),  # whole in both
        (2, True, (90, 50, 130, 60)),  # its centre, 110, lies in the right tile only
    )
    dataset = Dataset("big", "train", ["a", "b"], [big])
    left, right = tile_dataset(dataset, 100).samples
    assert (left.window_px, right.window_px) == ((0, 0, 100, 100), (75, 0, 175, 100))
    assert left.size_wh == right.size_wh == (100, 100)
    np.testing.assert_allclose(left.truth, [[0.8, 0.1, 1.0, 0.3, 1]], atol=1e-6)
    np.testing.assert_allclose(
        right.truth,
        [[0.05, 0.1, 0.25, 0.3, 1], [0.15, 0.5, 0.55, 0.6, 2]],
        atol=1e-6,
    )
    assert left.difficult.tolist() == [False]
    assert right.difficult.tolist() == [False, True]
    assert not right.crowd.any()
    assert right.truth.dtype == np.float32


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([], 1),  # of 4 x 4 tiles
        ([(1, False, (5, 5, 15, 15))], 2),
        ([(1, False, (5, 5, 15, 15)), (1, False, (200, 300, 210, 310))], 4),
    ],
)
def test_as_many_empty_tiles_as_others(objects, expected):
    dataset = Dataset("big", "train", ["a"], [make_image((325, 325), *objects)])
    tiles = tile_dataset(dataset, 100).samples
    num_full = sum(len(tile.truth) > 0 for tile in tiles)
    assert (num_full, len(tiles)) == (len(objects), expected)


def test_a_tile_shows_its_part_of_the_file(tmp_path):
    import cv2

    image = scene((175, 100), red=(100, 40, 120, 60))
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), image[..., ::-1])
    none = np.zeros((0, 5), np.float32), np.zeros(0, bool)
    shown = Sample(path, (100, 100), *none, window_px=(75, 0, 175, 100))
    np.testing.assert_array_equal(shown.read_image(), image[:, 75:])
    np.testing.assert_array_equal(Sample(path, (175, 100), *none).read_image(), image)
