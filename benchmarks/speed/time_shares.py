"""Where the time of training and of detection goes, on a data set of yours.

    python -m benchmarks.speed.time_shares --data FOLDER [--backbone squeezenet] \
        [--steps 30]

Weights are random: time does not depend on them. One process, one table.
"""

import argparse
import time
from collections.abc import Callable

HEADERS = ("what", "ms an image", "share")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--backbone", default="squeezenet")
    parser.add_argument("--neck")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    started = time.perf_counter()
    from base.keras_setup import import_keras

    keras = import_keras()
    imported = time.perf_counter()
    from data import Batches, read_dataset
    from models import Architecture, build
    from training.hardware import devices

    dataset = read_dataset(args.data, args.split)
    architecture = Architecture(
        args.backbone, len(dataset.class_names) + 1, neck=args.neck
    )
    device = devices.find_device()
    precision = devices.choose_precision(args.precision, device, architecture)
    keras.config.set_dtype_policy(precision)
    print(devices.headline(device))
    print(f"import of Keras and its backend: {imported - started:.1f} s")
    started = time.perf_counter()
    model = build(architecture)
    print(f"building the model: {time.perf_counter() - started:.1f} s\n")
    batches = Batches(dataset, args.batch_size)
    show("training", training_parts(model, architecture, batches, args.steps))
    show("detection", detection_parts(model, architecture, dataset, args.batch_size))


def show(title: str, parts: dict[str, float]) -> None:
    """A Markdown table of seconds an image; the first row is the whole."""
    from reports import markdown_table

    whole = next(iter(parts.values()))
    rows = [
        (name, f"{seconds * 1e3:.2f}", f"{seconds / whole:.0%}")
        for name, seconds in parts.items()
    ]
    print(markdown_table((title, *HEADERS[1:]), rows), end="\n\n")


def training_parts(model, architecture, batches, steps: int) -> dict[str, float]:
    """Seconds an image of a training step and of what it waits for."""
    from models.losses.multibox_loss import multibox_loss
    from ssd_utils import make_priors, match
    from training.engine import Trainer
    from training.optimiser import make_optimiser

    trainer = Trainer(model, architecture.layout)
    trainer.compile_for(make_optimiser("adamw", model.trainable_variables))
    first = time.perf_counter()
    trainer.step(*batches.batch(0, 0), 1e-3)
    print(f"first step (the graph is traced): {time.perf_counter() - first:.1f} s")
    waited = worked = 0.0
    done = 0
    while done < steps:
        stream = batches.epoch(done)
        for _ in range(min(batches.steps_per_epoch, steps - done)):
            started = time.perf_counter()
            batch = next(stream)
            waited += time.perf_counter() - started
            started = time.perf_counter()
            trainer.step(*batch, 1e-3)
            worked += time.perf_counter() - started
            done += 1
        stream.close()
    samples = steps * batches.batch_size
    images, truth = batches.batch(0, 0)
    predictions = model.predict_on_batch(images)
    priors = make_priors(architecture.layout)
    each = 1 / batches.batch_size
    return {
        "a step": (waited + worked) / samples,
        "waiting for the loader": waited / samples,
        "loader alone, one thread": timed(lambda: batches.batch(1, 0)) * each,
        "forward pass alone": timed(lambda: model.predict_on_batch(images)) * each,
        "matching alone": timed(compiled(match, truth, priors)) * each,
        "matching and loss alone": timed(
            compiled(multibox_loss, predictions, truth, priors)
        )
        * each,
    }


def detection_parts(model, architecture, dataset, batch_size: int) -> dict[str, float]:
    """Seconds an image of the way from file to boxes, normalisation folded."""
    import numpy as np

    from data import read_image, resize
    from models import weights
    from models.detection_layer import with_detections

    folded = weights.fold_batchnorm(model, architecture)
    detector = with_detections(folded, architecture.layout)
    sample = dataset.samples[0]
    image = read_image(sample.path)
    images = np.stack([resize(image, sample.truth)[0]] * batch_size)
    each = 1 / batch_size
    forward = timed(lambda: folded.predict_on_batch(images)) * each
    boxes = timed(lambda: detector.predict_on_batch(images)) * each
    reading = timed(lambda: read_image(sample.path))
    resizing = timed(lambda: resize(image, sample.truth))
    return {
        "file to boxes": reading + resizing + boxes,
        "reading the file": reading,
        "resizing": resizing,
        "network": forward,
        "network, normalisation not folded": timed(
            lambda: model.predict_on_batch(images)
        )
        * each,
        "decoding and suppression": boxes - forward,
    }


def compiled(function: Callable, *args) -> Callable:
    """The function of these arrays as one graph of the current backend."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        graph = tf.function(function)
        return lambda: graph(*args)
    if keras.backend.backend() == "jax":
        import jax

        graph = jax.jit(function)
        return lambda: jax.block_until_ready(graph(*args))
    return lambda: function(*args)


def timed(call: Callable, rounds: int = 15) -> float:
    """Median seconds of a call, after two that warm up."""
    call(), call()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[rounds // 2]


if __name__ == "__main__":
    main()
