"""Thousands of steps and detections in one process: nothing grows.

`pytest -m slow tests/training/test_soak.py -s` prints memory and handles on the way.
"""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from data import Batches, read_image, resize
from models.detection_layer import with_detections
from tests.helpers.tiny import ARCHITECTURE, dataset, detector
from training import TrainingConfig
from training.engine import train_epoch
from training.recovery import checkpoint
from training.state import State

STEPS, DETECTIONS, BATCH = 3_000, 20_000, 10
WARM = 0.2  # of the work: by then all is traced, cached and allocated once
FLAT = 1.02
THRESHOLD = 0.5  # the one of detect.py where a file has none


def usage():
    """Resident bytes, open handles, threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    handles = len(list(Path("/proc/self/fd").iterdir()))
    return pages * 4096, handles, threading.active_count()


def watched(name, count, work):
    """Call `work` so often; what was used after WARM of it, and at the end."""
    seen = []
    for number in range(1, count + 1):
        work()
        if number % (count // 10) == 0:
            gc.collect()
            seen.append(usage())
            size, handles, threads = seen[-1]
            print(
                f"{name} {number / count:.0%}: {size / 2**20:.1f} MB, "
                f"{handles} handles, {threads} threads",
                flush=True,
            )
    warm = seen[int(WARM * 10) - 1]
    return warm, seen[-1]


def assert_flat(warm, end):
    assert end[0] <= FLAT * warm[0]
    assert end[1:] == warm[1:]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux's /proc")
def test_training_does_not_grow(tmp_path):
    train_set = dataset(tmp_path / "data", 30)
    settings = TrainingConfig(epochs=STEPS // 30, batch_size=1, ema=True)
    state = State(detector(0), ARCHITECTURE, settings, STEPS)
    batches = Batches(train_set, settings.batch_size)

    def epoch():  # as training.fit has it, a checkpoint at the end of each
        steps = batches.epoch(state.epoch)

        def on_step(_):
            state.ema.update()

        means = train_epoch(
            state.trainer, steps, state.schedule, on_step, state.epoch_totals
        )
        state.end_epoch(means)
        state.save(tmp_path / checkpoint.NAME, {})

    assert_flat(*watched("training", STEPS // 30, epoch))
    assert state.schedule.step == STEPS


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux's /proc")
def test_detection_does_not_grow(tmp_path):
    train_set = dataset(tmp_path / "data", BATCH)
    model = with_detections(detector(0), "voc", THRESHOLD)
    paths = [sample.path for sample in train_set.samples]

    truth = train_set.samples[0].truth

    def detect():
        samples = [resize(read_image(path), truth) for path in paths]
        images = [image for image, _ in samples]
        assert len(model.predict_on_batch(np.stack(images))[1]) == BATCH

    assert_flat(*watched("detection", DETECTIONS // BATCH, detect))
