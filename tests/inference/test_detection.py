"""Detectors on images of any size, from Python."""

import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest

import inference
from inference.detector import Detector
from inference.sources import Frame, MediaSource
from inference.stream import detect_frames
from models.weights.metadata import ModelMetadata
from tests.helpers.detectors import ColourNetwork, colour_detector, scene

ROOT = Path(inference.__file__).parents[1]


def sizes(found):
    return [len(one) for one in found]


@pytest.mark.parametrize("size_wh", [(300, 300), (400, 200), (150, 600), (1500, 900)])
def test_boxes_are_pixels_of_the_image(size_wh):
    width, height = size_wh
    red = (width // 10, height // 2, width // 2, height // 2 + height // 5)
    blue = (width // 2 + 10, 0, width, height // 4)
    found = colour_detector()(scene(size_wh, red, blue))
    assert found.names == ["red", "blue"]
    assert found.boxes.shape == (2, 4)
    np.testing.assert_allclose(found.scores, [0.9, 0.8], rtol=1e-6)
    # one pixel of the network
    assert (np.abs(found.boxes[0] - red) <= np.tile(size_wh, 2) / 300 + 1e-3).all()
    assert (np.abs(found.boxes[1] - blue) <= np.tile(size_wh, 2) / 300 + 1e-3).all()


def test_one_image_or_several_paths_or_arrays(tmp_path):
    images = [scene((60 + 20 * i, 50), red=(5, 5, 10 + 5 * i, 20)) for i in range(3)]
    images.append(scene((40, 40)))
    paths = []
    for i, image in enumerate(images):
        paths.append(tmp_path / f"{i} ü.png")
        data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
        paths[-1].write_bytes(data.tobytes())
    detector = colour_detector(batch_size=2)
    singles = [detector(image) for image in images]
    assert sizes(singles) == [1, 1, 1, 0]
    for given in (
        images,
        tuple(paths),
        iter(map(str, paths)),
        [*images[:2], *paths[2:]],
    ):
        several = detector(given)
        for one, same in zip(singles, several, strict=True):
            np.testing.assert_array_equal(one.boxes, same.boxes)
            assert one.names == same.names
    assert sizes(detector(np.stack([images[3]] * 3))) == [0, 0, 0]
    assert detector([]) == []
    assert detector(paths[1]).names == ["red"]


def test_batches_have_one_shape_and_a_single_image_is_not_padded():
    network = ColourNetwork()
    detector = Detector(network, batch_size=4)
    detector([scene((30, 20))] * 7)
    assert network.calls == [4, 4]
    detector(scene((30, 20)))
    assert network.calls == [4, 4, 1]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 30), np.uint8),
        np.zeros((20, 30, 4), np.uint8),
        np.zeros((20, 30, 3), np.float32),
        np.zeros((0, 30, 3), np.uint8),
        [None],
        None,  # what cv2.imread gives for a file that isn't there
        [np.zeros((20, 30, 3)), 3],
    ],
)
def test_what_is_no_image(image):
    with pytest.raises(ValueError, match="uint8 array of shape") as error:
        colour_detector()(image)
    assert "\n" not in str(error.value)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.png"):
        colour_detector()(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, None),
        ({"tile_px": 640}, 640),
        ({"tile_px": -1}, None),
        ({"tile_px": "x"}, None),
    ],
)
def test_the_side_of_a_trainings_images(training, expected):
    assert ModelMetadata(None, ["a"], training=training).tile_px == expected


# frames


def video(number, fps=25.0, live=False, name="clip.mp4"):
    source = MediaSource("video", name)
    for i in range(number):
        image = scene((60, 40), red=(i, 5, i + 10, 20))
        yield Frame(image, source, i, fps, live)


def lefts(pairs):
    return [round(float(rows[0, 2]) * 60) for _, rows in pairs]


@pytest.mark.parametrize(
    ("every", "expected", "calls"),
    [
        (1, [0, 1, 2, 3, 4, 5, 6], [4, 4]),
        (2, [0, 0, 2, 2, 4, 4, 6], [4]),
        (3, [0, 0, 0, 3, 3, 3, 6], [4]),
        (9, [0, 0, 0, 0, 0, 0, 0], [1]),
    ],
)
def test_every_nth_frame_is_looked_at(every, expected, calls):
    network = ColourNetwork()
    detector = Detector(network, batch_size=4)
    pairs = list(detect_frames(detector, video(7), every))
    assert [frame.index for frame, _ in pairs] == list(range(7))
    assert lefts(pairs) == expected
    assert network.calls == calls


def test_images_and_the_next_video_are_always_looked_at():
    still = Frame(scene((60, 40), red=(30, 5, 40, 20)), MediaSource("image", "a.png"))
    frames = [*video(2), still, still, *video(2, name="other.mp4")]
    pairs = list(detect_frames(colour_detector(), frames, every=10))
    assert lefts(pairs) == [0, 0, 30, 30, 0, 0]


def test_live_frames_do_not_wait_for_a_batch():
    network = ColourNetwork()
    detector = Detector(network, batch_size=4)
    assert len(list(detect_frames(detector, video(3, live=True)))) == 3
    assert network.calls == [1, 1, 1]


def test_memory_bounds_a_group(monkeypatch):
    monkeypatch.setattr("inference.stream.GROUP_BYTES", 2 * 60 * 40 * 3)
    network = ColourNetwork()
    detector = Detector(network, batch_size=4)
    assert lefts(detect_frames(detector, video(6))) == [0, 1, 2, 3, 4, 5]
    assert network.calls == [4, 4, 4]  # two frames each, padded


def test_a_long_video_does_not_pile_up():
    made = []

    def frames():
        for frame in video(300):
            made.append(weakref.ref(frame))
            yield frame

    detector = colour_detector(batch_size=4)
    most = 0
    for _ in detect_frames(detector, frames()):
        most = max(most, sum(frame() is not None for frame in made))
    # a group with the network, one that waits, one being read, one that was left
    assert 4 <= most <= 4 * 4 + 1


# the whole way


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        inference.load(tmp_path / "none.weights.h5")


@pytest.mark.core
def test_the_first_image_has_the_boxes_of_later_ones():
    detector = inference.load(threshold=0.01)  # the first is not traced
    image = ROOT / "examples/images/cat.jpg"
    first, second = detector(image), detector(image)
    (third, _) = detector([image, image])
    assert len(first) > 1
    for later in (second, third):
        assert later.class_names == first.class_names
        np.testing.assert_allclose(later.scores, first.scores, atol=1e-4)
        np.testing.assert_allclose(later.boxes, first.boxes, atol=0.05)
