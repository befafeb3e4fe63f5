"""Decoding and suppression beside the network's own time, on real images.

    python -m benchmarks.speed.suppression --data voc2007 --rounds 8

"few" is ssd_utils.detect as it is, "all" without its shortcut for images with few
promising priors. All take turns in one process.
"""

import statistics
import time
from collections import defaultdict

import numpy as np

from base.keras_setup import import_keras, keep_weights_in_order
from benchmarks.speed.evaluation import parse

IMAGES, BATCH_SIZES = 64, (1, 8)


def main() -> None:
    """Measure and print."""
    args = parse(__doc__, rounds=8)
    keep_weights_in_order()
    import_keras()
    from benchmarks.machine import machine
    from data import read_dataset, resize
    from models import weights
    from models.weights.hub import DEFAULT

    print(machine())
    model, metadata = weights.load(args.weights or DEFAULT)
    samples = read_dataset(args.data, args.split).samples[:IMAGES]
    images = np.stack([resize(s.read_image(), s.truth)[0] for s in samples])
    print("threshold  batch  network ms  all ms  share  few ms  share")
    for threshold in (metadata.threshold, 0.01):
        for batch_size in BATCH_SIZES:
            times = measure(model, metadata, images, threshold, batch_size, args.rounds)
            network, every, few = (
                1e3 * statistics.median(times[name]) / batch_size
                for name in ("network", "all", "few")
            )
            print(
                f"{threshold:9.3f}  {batch_size:5}  {network:10.2f}  {every:6.2f}  "
                f"{every / network:5.3f}  {few:6.2f}  {few / network:5.3f}"
            )


def measure(model, metadata, images, threshold, batch_size, rounds):
    """Seconds of each call by the name of what was called."""
    import ssd_utils
    from base.compiled import compiled
    from models.detection_layer import DetectionLayer

    layout = metadata.architecture.layout
    calls = {"network": compiled(lambda x: model(x, training=False))}
    for name, few_priors in (("all", 10**6), ("few", ssd_utils.FEW_PRIORS)):
        layer = DetectionLayer(layout, threshold, ssd_utils.TOP_K)
        calls[name] = compiled(lambda x, layer=layer: layer(x))
        ssd_utils.FEW_PRIORS, kept = few_priors, ssd_utils.FEW_PRIORS
        calls[name](calls["network"](images[:batch_size]))  # traced
        ssd_utils.FEW_PRIORS = kept
    times = defaultdict(list)
    for number in range(rounds + 1):
        for start in range(0, len(images) - batch_size + 1, batch_size):
            predictions = images[start : start + batch_size]
            for name, call in calls.items():
                started = time.perf_counter()
                result = call(predictions)
                np.asarray(result)
                if number:  # the first round warms up
                    times[name].append(time.perf_counter() - started)
                if name == "network":
                    predictions = result
    return times


if __name__ == "__main__":
    main()
