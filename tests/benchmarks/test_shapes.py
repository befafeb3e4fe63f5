"""The drawn demo set."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.shapes import dataset as shapes
from benchmarks.shapes import draw
from benchmarks.shapes.dataset import draw_shapes
from data import read_dataset, read_image

REPOSITORY = Path(__file__).resolve().parents[2]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_shapes(tmp_path_factory.mktemp("shapes") / "set", 40, seed=3)


def test_it_reads_as_a_voc_data_set_without_problems(drawn):
    sizes = {}
    for split in ("train", "val", "trainval", "test"):
        dataset = read_dataset(drawn, split, draw.CLASS_NAMES)
        assert dataset.problems == [] and dataset.notes == []
        sizes[split] = len(dataset)
    assert sizes == {"train": 28, "val": 6, "trainval": 34, "test": 6}
    dataset = read_dataset(drawn, "trainval")
    assert dataset.class_names == list(draw.CLASS_NAMES)
    assert min(dataset.boxes_per_class().values()) > 5
    assert any(sample.difficult.any() for sample in dataset.samples)
    assert len({sample.size_wh for sample in dataset.samples}) > 20
    assert b"<truncated>1" in b"".join(contents(drawn).values())


def test_boxes_are_tight(monkeypatch):
    """Without light and noise, one object alone differs from its background."""
    monkeypatch.setattr(draw, "OBJECTS", (1, 2))
    monkeypatch.setattr(draw, "NOISE", (0, 1e-9))
    monkeypatch.setattr(draw, "FAINT_SHARE", 0)
    monkeypatch.setattr(draw, "_lighting", lambda image, rng: image)
    flat = lambda height, width, rng: np.full((height, width, 3), 128, np.float32)  # noqa: E731
    monkeypatch.setattr(draw, "_background", flat)
    for seed in range(20):
        image, objects = draw.draw_image(np.random.default_rng(seed))
        ys, xs = np.nonzero(np.abs(image.astype(int) - 128).max(axis=-1) > 8)
        seen = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        np.testing.assert_allclose(objects[0].box_px, seen, atol=2)


def test_hidden_objects_are_difficult_or_gone():
    def item(columns):
        mask = np.zeros((10, 100), np.uint8)
        mask[:, columns] = 255
        return draw._Object("square", mask, False, mask.sum() / 255)

    below = item(slice(0, 100))
    for hidden, expected in [(50, [False]), (80, [True]), (97, [])]:
        found = draw._describe([below, item(slice(0, hidden))])
        assert [d.difficult for d in found[:-1]] == expected
        if expected:
            assert found[0].box_px == (hidden, 0, 100, 10)  # what can be seen


def test_the_same_seed_gives_the_same_bytes(drawn, tmp_path):
    again = contents(draw_shapes(tmp_path / "again", 40, seed=3))
    assert again == contents(drawn)
    other = contents(draw_shapes(tmp_path / "other", 3, seed=4))
    assert other["JPEGImages/000000.jpg"] != again["JPEGImages/000000.jpg"]


def test_a_set_that_is_there_is_taken_and_others_are_refused(drawn, tmp_path):
    before = (drawn / "JPEGImages").stat().st_mtime_ns
    assert draw_shapes(drawn, 40, seed=3) == drawn
    assert (drawn / "JPEGImages").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="'seed': 4"):
        draw_shapes(drawn, 40, seed=4)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="something else"):
        draw_shapes(tmp_path, 40)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_an_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch, error):
    def stop(*_):
        raise error

    monkeypatch.setattr(shapes, "_write_lists", stop)
    with pytest.raises((KeyboardInterrupt, OSError)):
        draw_shapes(tmp_path / "set", 2)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(tmp_path):
    script = ["-m", "benchmarks.shapes", str(tmp_path / "s")]
    command = [sys.executable, "-W", "error", *script]
    options = {"cwd": REPOSITORY, "capture_output": True, "text": True}
    done = subprocess.run([*command, "--images", "2"], **options, check=True)
    assert done.stdout.strip() == str(tmp_path / "s") and done.stderr == ""
    assert read_image(tmp_path / "s" / "JPEGImages" / "000001.jpg").shape[2] == 3
    done = subprocess.run([*command, "--images", "3"], **options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_large_images_have_small_whole_objects(tmp_path):
    folder = draw_shapes(tmp_path / "large", num_images=2, large=True)
    dataset = read_dataset(folder, "trainval")
    sample = dataset.samples[0]
    assert sample.size_wh == (3000, 2000)
    assert 30 <= len(sample.truth) <= 50
    sides = (sample.truth[:, 2:4] - sample.truth[:, :2]) * sample.size_wh
    assert sides.min() > 5  # thin ones seen from the side
    assert sides.max() <= 76  # 60, stretched by a quarter
    image = sample.read_image()
    assert image.shape == (2000, 3000, 3)
    # objects are colourful, the ground is not
    colour = np.ptp(image.astype(int), axis=2)
    inside = [
        np.median(colour[top:bottom, left:right])
        for left, top, right, bottom in np.round(
            sample.truth[~sample.difficult, :4] * (3000, 2000, 3000, 2000)
        ).astype(int)
    ]
    assert np.median(inside) > 2 * np.median(colour)
    with pytest.raises(ValueError, match="shapes set"):
        draw_shapes(tmp_path / "large", num_images=2)
