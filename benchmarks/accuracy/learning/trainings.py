"""Which trainings learn, and why: regimes, causes, rates, options, seed by seed.

    python -m benchmarks.accuracy.learning run frozen full scratch --data raccoon \
        --seeds 3
    python -m benchmarks.accuracy.learning table --data raccoon
    python -m benchmarks.accuracy.learning plot

`run` trains each named row of experiments.py on each data set and seed, one process
each, and adds a line to docs/results/learning.csv; what stands there already is not
trained again, so the table grows over weeks and machines. With `--jobs 2` two train
side by side, each on its share of the cores, which takes less time in all.
`table` prints means and ranges as Markdown, `plot` draws
docs/results/learning_NAME.png for each row of PLOTS.
Scored are the last weights, never the best: no epoch is chosen on the test images.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.accuracy.learning.experiments import (
    DATA,
    EXPERIMENTS,
    PLOTS,
    SHAPES,
    Data,
    Experiment,
)
from benchmarks.accuracy.learning.results import (
    TABLE,
    append,
    key,
    plot,
    print_table,
    read_rows,
)

if TYPE_CHECKING:
    from training import TrainingConfig


def main() -> None:
    """Run, or print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table", "plot"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", nargs="+", default=["raccoon"], choices=DATA)
    parser.add_argument("--seeds", type=int, default=1, help="from 0 on")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    args = parser.parse_args()
    if unknown := set(args.names) - set(EXPERIMENTS):
        parser.error(f"no such experiment: {', '.join(unknown)}")
    if args.what == "table":
        for data in args.data:
            print_table(data)
        return
    if args.what == "plot":
        for name, (data, experiments) in PLOTS.items():
            plot(name, data, experiments)
        return
    wanted = [
        (data, name, str(seed))
        for seed in range(args.seeds)
        for data in args.data
        for name in args.names
    ]
    trained = {key(row) for row in read_rows()}
    if not (missing := [case for case in wanted if case not in trained]):
        print(f"{TABLE} has all of these; `table` prints them.")
    run(missing, args.jobs)


def run(cases: list[tuple[str, str, str]], jobs: int) -> None:
    """Train them, `jobs` at a time, and keep each row as soon as it is there."""
    cores = max((os.cpu_count() or 1) // jobs, 1)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(cores)  # the processes inherit it
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for future in as_completed([pool.submit(train, *case) for case in cases]):
            if error := future.exception():  # the others go on
                traceback.print_exception(error)
            else:
                append(future.result())


def train(data: str, name: str, seed: int | str) -> dict:
    """One training's row."""
    with (
        ready(data, name, int(seed)) as training,
        tempfile.TemporaryDirectory() as folder,
    ):
        from models import weights  # they want Keras, which `ready` sets up
        from training.fit import fit
        from training.hardware.devices import find_device
        from training.runs import RunFolder

        output = RunFolder(Path(folder))
        history = fit(*training, output)
        model, architecture, datasets, settings = training
        # with `average` that is what was scored, not what `fit` leaves in the model
        weights.read_detector(output.folder / "last.weights.h5").fill(model)
        figures = measure(model, architecture, *datasets, settings.batch_size)
    curve = [row["mAP50"] for row in history]
    quarter, half = len(curve) // 4 - 1, len(curve) // 2 - 1
    return {
        "data": data,
        "experiment": name,
        "seed": seed,
        "epochs": len(curve),
        "quarter": curve[quarter],
        "half": curve[half],
        "mAP50": curve[-1],
        "best": max(curve),
        **figures,
        "loss": history[-1]["loss"],
        "val_loss": history[-1]["val_loss"],
        "minutes": history[-1]["seconds"] / 60,
        "images_per_second": statistics.median(
            row["images_per_second"] for row in history
        ),
        "device": find_device().name,
        "precision": EXPERIMENTS[name].precision,
        "curve": " ".join(f"{value:.3f}" for value in curve),
    }


@contextmanager
def ready(data: str, name: str, seed: int) -> Iterator[tuple]:
    """What training.fit.fit takes: model, architecture, data sets, settings.

    Inside, the experiment's patches hold.
    """
    from base.keras_setup import import_keras

    keras = import_keras()
    from models import Architecture
    from models.weights import initialise

    experiment, where = EXPERIMENTS[name], DATA[data]
    datasets = read(where)
    options = {"backbone": "squeezenet", **experiment.architecture}
    architecture = Architecture(num_classes=len(datasets[0].class_names) + 1, **options)
    keras.config.set_dtype_policy(experiment.precision)
    keras.utils.set_random_seed(seed)
    with ExitStack() as stack:
        for target, change in experiment.patches.items():
            changed = change(resolve_name(target))
            stack.enter_context(mock.patch(target, changed))
        model, architecture = initialise.initialise_weights(
            architecture, experiment.weights, datasets[0].class_names
        )
        if experiment.freeze:
            initialise.freeze(model)
        settings = settings_of(experiment, where.epochs, seed, datasets[0])
        yield model, architecture, datasets, settings


def settings_of(
    experiment: Experiment, epochs: int, seed: int, train_set: Any
) -> "TrainingConfig":
    """How the experiment is trained."""
    from training import RATES, TrainingConfig
    from training.prepare import class_weights

    options = {"lr": RATES["adamw"], "ema": False, **experiment.settings}
    options["lr"] *= experiment.lr_factor
    if experiment.weigh_classes:
        options["loss"] = {"class_weights": class_weights(train_set)}
    freeze_epochs = round(experiment.freeze_share * epochs)
    return TrainingConfig(epochs, freeze_epochs=freeze_epochs, seed=seed, **options)


def measure(
    model: Any, architecture: Any, train_set: Any, val_set: Any, batch_size: int
) -> dict[str, float]:
    """Of the last weights: COCO AP, mAP50 on the training images and fresh.

    batch_size: that of the training, in which its statistics were taken.
    """
    from evaluation import evaluate_coco
    from training.monitoring.validation import Evaluator

    check = Evaluator(model, architecture, val_set, 8)
    check()
    coco = evaluate_coco(
        check.detections,
        [sample.truth for sample in check.samples],
        [sample.difficult for sample in check.samples],
        [sample.size_wh for sample in check.samples],
        val_set.class_names,
    )
    on_train, _, _ = Evaluator(model, architecture, train_set, 8)()
    with fresh_statistics(model, train_set, batch_size):
        fresh, _, _ = check()
    return {
        "AP": coco["AP"],
        "train_mAP50": on_train["mAP50"],
        "fresh_mAP50": fresh["mAP50"],
    }


def read(where: Data) -> tuple:
    """Training images (the first `share` of a shuffle) and those that are scored."""
    import dataclasses

    import numpy as np

    from benchmarks.shapes.dataset import draw_shapes
    from data import read_dataset

    if where.folder == SHAPES:
        draw_shapes(SHAPES)
    train_set = read_dataset([where.folder], where.train_split)
    val_set = read_dataset([where.folder], where.val_split, train_set.class_names)
    order = np.random.default_rng(0).permutation(len(train_set))
    kept = sorted(order[: round(where.share * len(train_set))])
    samples = [train_set.samples[at] for at in kept]
    return dataclasses.replace(train_set, samples=samples), val_set


def fresh_statistics(model: Any, dataset: Any, batch_size: int) -> ExitStack:
    """Inside, the moving statistics are plain means over augmented batches.

    What a model scores with them tells whether its moving ones mislead it.
    """
    import keras

    from data import Batches

    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    kept = [layer.get_weights() for layer in norms]
    momenta = [layer.momentum for layer in norms]
    batches = Batches(dataset, batch_size)
    for number, (images, _) in enumerate(batches.epoch(10_000), start=1):
        for layer in norms:
            layer.momentum = 1 - 1 / number  # a running mean
        model(images, training=True)
    stack = ExitStack()
    for layer, weights, momentum in zip(norms, kept, momenta, strict=True):
        layer.momentum = momentum
        stack.callback(layer.set_weights, weights)
    return stack
