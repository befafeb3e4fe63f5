"""Parts of a whole training: weights of classes, time spent waiting."""

from pathlib import Path

import numpy as np
import pytest

from data import Dataset, Sample
from training.fit import TimedIterator
from training.prepare import class_weights


def test_class_weights_by_hand():
    truth = np.zeros((10, 5), "float32")
    truth[:, 4] = [1] * 9 + [2]
    image = Sample(Path("a.png"), (9, 9), truth, np.zeros(10, bool))
    dataset = Dataset("d", "train", ["common", "rare"], [image])
    # 1/3 and 1, times 10 boxes by their sum 9 / 3 + 1
    assert class_weights(dataset) == pytest.approx([1, 10 / 12, 10 / 4])
    dataset = Dataset("d", "train", ["common", "rare", "absent"], [image])
    assert np.isfinite(class_weights(dataset)).all()


def test_waiting_is_counted_not_work(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("training.fit.time.perf_counter", lambda: clock[0])

    def slow():
        for item in range(3):
            clock[0] += 2
            yield item

    waited = TimedIterator(slow())
    for _ in waited:
        clock[0] += 5
    assert waited.seconds == 6  # three items of 2
