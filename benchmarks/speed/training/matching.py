"""Matching and encoding beside rykov8's loop over images and boxes in numpy.

    python -m benchmarks.speed.training.matching

Drawn boxes of 0.05 to 0.5 of a side, all priors. Both are called in turn.
"""

import numpy as np

from benchmarks.cost.interleaved import race

HEADERS = ("batch", "boxes each", "ours, ms", "rykov8's loop, ms", "ratio")
CASES = ((32, 20), (8, 20), (1, 20), (16, 20), (32, 1), (32, 5), (32, 50), (32, 100))
ROUNDS = 9  # calls of each that are timed
NUM_CLASSES = 21


def main() -> None:
    """Measure and print a Markdown table, and what the loss adds."""
    from base.keras_setup import import_keras

    keras = import_keras()
    from base.compiled import compiled
    from benchmarks.machine import machine
    from reports import markdown_table
    from ssd_utils import centers_to_corners, make_priors

    print(machine(keras.backend.backend(), "keras", "numpy"))
    priors = make_priors()
    corners = keras.ops.convert_to_numpy(centers_to_corners(priors)).astype(float)
    encoded = compiled(match_and_encode, jit_compile=True)
    rows = []
    for batch_size, num_boxes in CASES:
        truth = draw_truth(batch_size, num_boxes)
        calls = {
            "ours": lambda at, truth=truth: np.asarray(encoded(truth, priors)[0]),
            "loop": lambda at, truth=truth: assign_all(truth, corners),
        }
        ours, loop = race(calls, ROUNDS).values()
        cells = (f"{ours * 1e3:.1f}", f"{loop * 1e3:.0f}", f"{loop / ours:.0f}x")
        rows.append((batch_size, num_boxes, *cells))
    print(markdown_table(HEADERS, rows), end="\n\n")
    print(markdown_table(("batch 32, 20 boxes", "ms"), loss_parts(priors)))


def draw_truth(batch_size: int, num_boxes: int) -> np.ndarray:
    """(B, M, 5)."""
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.05, 0.5, (batch_size, num_boxes, 2))
    low = rng.uniform(0, 1, sides.shape) * (1 - sides)
    class_ids = rng.integers(1, NUM_CLASSES, (batch_size, num_boxes, 1))
    return np.concatenate([low, low + sides, class_ids], axis=2).astype(np.float32)


def match_and_encode(truth, priors):
    """Offsets (B, P, 4), class indices and positives (B, P)."""
    from ssd_utils import batched_gather, encode, match

    matches, positives = match(truth, priors)
    matched = batched_gather(truth, matches)
    return encode(matched[..., :4], priors), matched[..., 4], positives


def assign_all(truth, corners):
    """Image by image."""
    from benchmarks.peers.assign_boxes import assign_boxes

    one_hot = np.eye(NUM_CLASSES - 1)[truth[..., 4].astype(int) - 1]
    boxes = np.concatenate([truth[..., :4], one_hot], axis=2)
    return [assign_boxes(rows, corners, NUM_CLASSES) for rows in boxes]


def loss_parts(priors) -> list[tuple]:
    """Milliseconds of matching, and of the loss with it."""
    from base.compiled import compiled
    from benchmarks.speed.time_shares import compiled as traced
    from models.losses.multibox_loss import multibox_loss
    from ssd_utils import match

    truth = draw_truth(32, 20)
    shape = (32, len(priors), 4 + NUM_CLASSES)
    predictions = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    parts = {
        "matching": traced(compiled(match, jit_compile=True), truth, priors),
        "matching, not by XLA": traced(match, truth, priors),
        "matching and loss": traced(multibox_loss, predictions, truth, priors),
    }
    calls = {name: lambda at, part=part: part() for name, part in parts.items()}
    return [(name, f"{s * 1e3:.1f}") for name, s in race(calls, ROUNDS).items()]


if __name__ == "__main__":
    main()
