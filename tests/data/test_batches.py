"""Batches: a pure function of (seed, epoch, step), and the threads around it."""

import threading

import numpy as np
import pytest

from data import Batches, Sample, batches, pad_truth, read_dataset, read_image, resize
from tests.helpers.voc_files import write_voc

BOX = (11, 5, 40, 20)
SIZE = 48


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    objects = {f"p{i}": [("cat", BOX, i % 2)] * (i % 3) for i in range(7)}
    return read_dataset(write_voc(tmp_path_factory.mktemp("set"), objects), "trainval")


def make(dataset, batch_size=3, **options):
    return Batches(dataset, batch_size, size=SIZE, workers=2, **options)


def assert_equal_batches(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def batch_threads():
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.mark.parametrize(("counts", "rows"), [([], 8), ([0], 8), ([2, 0, 8], 8)])
def test_pad_truth(counts, rows):
    truths = [np.ones((count, 5), np.float32) for count in counts]
    padded = pad_truth(truths, rows)
    assert padded.shape == (len(counts), rows, 5) and padded.dtype == np.float32
    assert padded.sum(axis=(1, 2)).tolist() == [5 * count for count in counts]


def test_pad_truth_refuses_to_lose_boxes():
    with pytest.raises(ValueError, match="9 boxes"):
        pad_truth([np.ones((9, 5), np.float32)], 8)


@pytest.mark.parametrize(("most", "rows"), [(0, 8), (1, 8), (8, 8), (9, 16)])
def test_rows_are_a_multiple_of_8(tmp_path, most, rows):
    root = write_voc(tmp_path, {"a": [("cat", BOX)] * most, "b": [("cat", BOX)]})
    dataset = read_dataset(root, "trainval")
    images, truth = make(dataset, 2).batch(0, 0)
    assert truth.shape == (2, rows if most else 8, 5) and truth.dtype == np.float32
    assert images.shape == (2, SIZE, SIZE, 3) and images.dtype == np.uint8


@pytest.mark.parametrize("augmented", [True, False])
def test_a_threaded_epoch_equals_single_batches(dataset, augmented):
    made = make(dataset, augmented=augmented)
    fresh = make(dataset, augmented=augmented)
    single = [fresh.batch(5, step) for step in range(fresh.steps_per_epoch)]
    assert_equal_batches(list(made.epoch(5)), single)
    assert_equal_batches(list(made.epoch(5)), single)
    for start in range(len(single) + 1):
        assert_equal_batches(list(made.epoch(5, start)), single[start:])
    assert not batch_threads()


def test_seed_and_epoch_change_the_batches(dataset):
    keys = [(0, 0), (0, 1), (1, 0)]
    batch = {key: make(dataset, seed=key[0]).batch(key[1], 0)[0] for key in keys}
    assert len({images.tobytes() for images in batch.values()}) == 3


def test_an_epoch_of_training_has_each_image_at_most_once(dataset):
    made = make(dataset, 2)
    assert made.steps_per_epoch == 3
    chosen = [index for step in range(3) for index in made.indices(0, step)]
    assert len(set(chosen)) == 6
    orders = {tuple(made.indices(epoch, 0)) for epoch in range(20)}
    assert len(orders) > 5


def test_a_set_smaller_than_the_batch_goes_round(dataset):
    made = make(dataset, 16)
    assert made.steps_per_epoch == 1
    images, _ = made.batch(0, 0)
    assert sorted(set(made.indices(0, 0))) == list(range(7))
    assert len({image.tobytes() for image in images}) == 16  # augmented anew


def test_evaluation_keeps_order_and_pads_the_last_batch(dataset):
    made = make(dataset, 3, augmented=False)
    assert made.steps_per_epoch == 3
    assert [made.count(step) for step in range(3)] == [3, 3, 1]
    assert [made.indices(0, step) for step in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    images, truth = made.batch(0, 2)
    assert images[0].any() and not images[1:].any() and not truth[1:].any()
    np.testing.assert_array_equal(made.batch(0, 1)[1][2, :2], dataset.samples[5].truth)
    with pytest.raises(ValueError, match=r"expected 0\.\.2"):
        made.batch(0, 3)


def test_what_is_scored_is_decoded_whole_and_training_with_twice_the_side(tmp_path):
    root = write_voc(
        tmp_path, {"a": [("cat", BOX)]}, size_wh=(4 * SIZE, 4 * SIZE), suffix=".jpg"
    )
    dataset = read_dataset(root, "trainval")
    (sample,) = dataset.samples
    whole, _ = resize(read_image(sample.path), sample.truth, SIZE)
    scored, _ = make(dataset, 1, augmented=False).batch(0, 0)
    np.testing.assert_array_equal(scored[0], whole)
    sides = []
    real = Sample.read_image

    def read(self, min_side=0):
        sides.append(min_side)
        return real(self, min_side)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sample, "read_image", read)
        make(dataset, 1).batch(0, 0)
        make(dataset, 1, augmented=False).batch(0, 0)
    assert sides == [2 * SIZE, 0]


def test_closing_early_ends_the_threads(dataset):
    running = make(dataset, 1).epoch(0)
    next(running)
    assert batch_threads()
    running.close()
    assert not batch_threads()


def test_memory_is_bounded(dataset, monkeypatch):
    made = make(dataset, 1)
    asked = []
    batch = made.batch
    monkeypatch.setattr(made, "batch", lambda e, s: asked.append(s) or batch(e, s))
    running = made.epoch(0)
    next(running)
    assert len(asked) <= made.workers + batches.AHEAD
    running.close()


def test_errors_name_the_image(dataset, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(batches, "augment", broken)
    with pytest.raises(RuntimeError, match=r"p\d\.png: can't be prepared: by design"):
        list(make(dataset).epoch(0))
    assert not batch_threads()


@pytest.fixture
def damaged(tmp_path):
    """Four images whose second and third are cut off behind their header."""
    root = write_voc(tmp_path, {s: [("cat", BOX)] for s in "abcd"})
    dataset = read_dataset(root, "trainval")
    for stem in "bc":
        path = root / "JPEGImages" / f"{stem}.png"
        path.write_bytes(path.read_bytes()[:300])
    return dataset


def test_a_broken_image_is_replaced_by_the_next(damaged):
    made = make(damaged, 4)
    batch = made.batch(0, 0)
    assert {path.stem for path in made.broken} == {"b", "c"}
    assert (batch[1][..., 4] == 1).any(axis=1).all()
    assert_equal_batches([made.batch(0, 0), *make(damaged, 4).epoch(0)], [batch] * 2)


def test_a_broken_image_is_black_in_evaluation(damaged):
    made = make(damaged, 4, augmented=False)
    images, truth = made.batch(0, 0)
    assert images.any(axis=(1, 2, 3)).tolist() == [True, False, False, True]
    assert truth.any(axis=(1, 2)).tolist() == [True, False, False, True]
    assert len(made.broken) == 2


@pytest.mark.parametrize("augmented", [True, False])
def test_all_images_broken_is_an_error(damaged, augmented):
    for sample in damaged.samples:
        sample.path.write_bytes(b"")
    made = make(damaged, 4, augmented=augmented)
    for _ in range(2):
        with pytest.raises(ValueError, match="none of the 4 images"):
            list(made.epoch(0))


def test_nothing_to_batch_is_an_error(dataset):
    with pytest.raises(ValueError, match="at least 1"):
        make(dataset, 0)


def test_keeping_decoded_images_changes_nothing(dataset, monkeypatch):
    kept = list(make(dataset).epoch(0))
    monkeypatch.setattr(batches, "KEPT_BYTES", 0)
    assert_equal_batches(list(make(dataset).epoch(0)), kept)
