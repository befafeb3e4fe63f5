"""The same seed on the same machine gives the same result."""

import numpy as np

from data import Batches
from tests.helpers.tiny import assert_same, dataset, result, train


def test_order_and_augmentation(tmp_path):
    samples = dataset(tmp_path, 7)
    first, second = (Batches(samples, 2, seed=3) for _ in range(2))
    other = Batches(samples, 2, seed=4)
    differs = False
    for step in (2, 0, 1):  # whatever was asked for before
        images, truth = first.batch(1, step)
        for again in (second.batch(1, step), list(second.epoch(1))[step]):
            np.testing.assert_array_equal(images, again[0])
            np.testing.assert_array_equal(truth, again[1])
        differs |= (images != other.batch(1, step)[0]).any()
    assert differs


def test_fifty_steps_of_training(tmp_path):
    for name in ("one", "two"):
        train(tmp_path / name, epochs=17, ema=True)  # 51 steps
    assert_same(result(tmp_path / "one"), result(tmp_path / "two"))
    train(tmp_path / "other", epochs=17, ema=True, seed=5)
    one, other = (result(tmp_path / name)[1]["model/0"] for name in ("one", "other"))
    assert (one != other).any()
