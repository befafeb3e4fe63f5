"""Which trainings learn, and why: regimes, causes, rates, options, seed by seed.

    python -m benchmarks.learning run frozen full scratch --data raccoon --seeds 3
    python -m benchmarks.learning table --data raccoon

`run` trains each named row of EXPERIMENTS on each data set and seed, one process each,
and adds a line to docs/learning.csv; what stands there already is not trained again,
so the table grows over weeks and machines. `table` prints means and ranges as Markdown.
Scored are the last weights, never the best: nothing is chosen on the test pictures.
"""

import argparse
import csv
import multiprocessing
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

TABLE = Path("docs/learning.csv")
SHARED = Path("../shared")
SQUEEZENET = SHARED / "weights/squeezenet_imagenet_notop.h5"
MOBILENET = SHARED / "weights/mobilenet_2_5_224_tf_no_top.h5"


@dataclass(frozen=True)
class Data:
    """A data set, its two splits and how long its trainings are."""

    folder: str
    train_split: str
    val_split: str
    epochs: int
    share: float = 1.0


DATA = {
    "bccd": Data("data/bccd", "trainval", "test", epochs=20),
    "raccoon": Data("data/raccoon", "train", "val", epochs=20),
    "raccoon, long": Data("data/raccoon", "train", "val", epochs=60),
    "bccd/4": Data("data/bccd", "trainval", "test", epochs=40, share=0.25),
    "raccoon/4": Data("data/raccoon", "train", "val", epochs=40, share=0.25),
}


@dataclass(frozen=True)
class Experiment:
    """Differences from the defaults of train.py, squeezenet with trunk light.

    architecture, settings: arguments of models.Architecture and training.fit.Settings;
    patches: what else is changed, by dotted name -> a function of the original.
    freeze_share, lr_factor: of the epochs, of the default rate.
    """

    weights: str = str(SQUEEZENET)
    freeze: bool = False
    freeze_share: float = 0.0
    lr_factor: float = 1.0
    architecture: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    patches: dict[str, Callable] = field(default_factory=dict)


def _mirror_only(original: Callable) -> Callable:
    def augment(image, truth, rng, size=300):
        from data.augment import mirror, plain

        return mirror(*plain(image, truth, size), rng)

    return augment


def _plain_adapter(original: Callable) -> Callable:
    return lambda features, filters, norm, *at: original(features, filters, "none", *at)


def _identity_adapter(original: Callable) -> Callable:
    """Plain, and passes the features on at first: each cell sees one cell."""

    def adapter(features, filters, norm):
        import keras
        import numpy as np

        x = original(features, filters, "none")
        layer = keras.Model(features, x).get_layer("conv4_0")
        kernel = np.zeros(layer.kernel.shape, "float32")
        middle = kernel.shape[0] // 2
        kernel[middle, middle] = np.eye(filters)
        layer.kernel.assign(kernel)
        return x

    return adapter


def _all_published_layers(original: Callable) -> Callable:
    """fire6 to fire9 belong to the extractor too."""

    def layers(model):
        return [
            *original(model),
            *(layer for layer in model.layers if layer.name.startswith("fire")),
        ]

    return layers


def _rare_objects(original: Callable) -> Callable:
    """Class logits begin at 1% for objects: focal loss, Lin et al. 2017, sec. 4.1."""

    def heads(sources, num_classes, layout):
        import keras
        import numpy as np

        x = original(sources, num_classes, layout)
        model = keras.Model(list(sources.values()), x)
        for layer in model.layers:
            if layer.name.endswith("_mbox_conf"):
                bias = np.zeros((layer.filters // num_classes, num_classes), "float32")
                bias[:, 0] = np.log(99 * (num_classes - 1))
                layer.bias.assign(bias.ravel())
        return x

    return heads


def _value(value: Any) -> Callable:
    return lambda original: value


MOMENTUM = "models.layers.BN_MOMENTUM"
AUGMENT = "data.batches.augment"
ADAPTER = "models.ssd300.adapter"
FROZEN_LAYERS = "models.start.extractor_layers"
HEADS = "models.ssd300.heads"
PROTOTYPE = {  # the crude one that fell: plain adapter, all of ImageNet's layers fixed
    ADAPTER: _plain_adapter,
    FROZEN_LAYERS: _all_published_layers,
    AUGMENT: _mirror_only,
}

EXPERIMENTS = {
    # regimes
    "full": Experiment(),
    "frozen": Experiment(freeze=True),
    "scratch": Experiment(weights="none"),
    "staged": Experiment(freeze_share=0.25, settings={"backbone_lr_scale": 0.1}),
    "slow extractor": Experiment(settings={"backbone_lr_scale": 0.1}),
    # a classifier of keras.applications and its own stages
    **{
        f"MobileNet {name}": Experiment(
            architecture={"backbone": "MobileNet", "width": 0.25}, **options
        )
        for name, options in {
            "full": {"weights": str(MOBILENET)},
            "frozen": {"weights": str(MOBILENET), "freeze": True},
            "scratch": {"weights": "none"},
        }.items()
    },
    # why frozen learns, or not: one change at a time
    "frozen, no norm": Experiment(freeze=True, architecture={"norm": "none"}),
    "frozen, plain adapter": Experiment(freeze=True, patches={ADAPTER: _plain_adapter}),
    "frozen, identity adapter": Experiment(
        freeze=True, patches={ADAPTER: _identity_adapter}
    ),
    "frozen with fire6..9": Experiment(
        freeze=True, patches={FROZEN_LAYERS: _all_published_layers}
    ),
    "frozen, mirror only": Experiment(freeze=True, patches={AUGMENT: _mirror_only}),
    "frozen, momentum 0.99": Experiment(freeze=True, patches={MOMENTUM: _value(0.99)}),
    "frozen, batch 2": Experiment(freeze=True, settings={"batch_size": 2}),
    "frozen, other preprocessing": Experiment(
        freeze=True, patches={"models.ssd300SqueezeNet_alt.PREPROCESSING": _value("tf")}
    ),
    "frozen, class bias": Experiment(freeze=True, patches={HEADS: _rare_objects}),
    "prototype": Experiment(freeze=True, patches=PROTOTYPE),
    "prototype, momentum 0.99": Experiment(
        freeze=True, patches={**PROTOTYPE, MOMENTUM: _value(0.99)}
    ),
    "prototype, augmented": Experiment(
        freeze=True, patches={k: v for k, v in PROTOTYPE.items() if k != AUGMENT}
    ),
    # rates
    **{
        f"{regime}, rate x{factor:g}": Experiment(
            weights="none" if regime == "scratch" else str(SQUEEZENET),
            freeze=regime == "frozen",
            lr_factor=factor,
        )
        for regime in ("full", "frozen", "scratch")
        for factor in (1 / 8, 1 / 4, 1 / 2, 2, 4)
    },
    # options
    "full, sgd": Experiment(settings={"optimiser": "sgd", "lr": 1e-2}),
    "full, steps": Experiment(settings={"schedule": "steps"}),
    "full, average": Experiment(settings={"average": True}),
}


def main() -> None:
    """Run, or print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", nargs="+", default=["raccoon"], choices=DATA)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    if unknown := set(args.names) - set(EXPERIMENTS):
        parser.error(f"no such experiment: {', '.join(unknown)}")
    if args.what == "table":
        for data in args.data:
            print_table(data)
        return
    spawn = multiprocessing.get_context("spawn")
    for seed in range(args.seeds):
        for data in args.data:
            for name in args.names:
                if (data, name, str(seed)) not in {key(row) for row in read_rows()}:
                    process = spawn.Process(target=train, args=(data, name, seed))
                    process.start()
                    process.join()


def train(data: str, name: str, seed: int) -> None:
    """One training and its row."""
    from training import RATES, import_keras

    keras = import_keras()
    from evaluation import evaluate_coco
    from models import Architecture, start
    from training import devices
    from training.fit import Settings, Validation, fit

    experiment, where = EXPERIMENTS[name], DATA[data]
    device = devices.find_device()
    precision = devices.choose_precision("auto", device)
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    train_set, val_set = read(where)
    with ExitStack() as stack:
        for target, change in experiment.patches.items():
            changed = change(resolve_name(target))
            stack.enter_context(mock.patch(target, changed))
        architecture = {"backbone": "squeezenet", **experiment.architecture}
        num_classes = len(train_set.class_names) + 1
        architecture = Architecture(num_classes=num_classes, **architecture)
        model, architecture = start.start(
            architecture, experiment.weights, train_set.class_names
        )
        if experiment.freeze:
            start.freeze(model)
        settings = {"lr": RATES["adamw"], **experiment.settings}
        settings["lr"] *= experiment.lr_factor
        freeze_epochs = round(experiment.freeze_share * where.epochs)
        settings = Settings(
            where.epochs, freeze_epochs=freeze_epochs, seed=seed, **settings
        )
        with tempfile.TemporaryDirectory() as folder:
            history = fit(
                model, architecture, train_set, val_set, settings, Path(folder), {}
            )
        check = Validation(model, architecture, val_set, 8)
        check()
        coco = evaluate_coco(
            check.detections,
            [picture.truth for picture in check.pictures],
            [picture.difficult for picture in check.pictures],
            [picture.size_wh for picture in check.pictures],
            val_set.class_names,
        )
        on_train, _, _ = Validation(model, architecture, train_set, 8)()
        with fresh_statistics(model, train_set, settings.batch_size):
            fresh, _, _ = check()
    curve = [row["mAP50"] for row in history]
    quarter, half = len(curve) // 4 - 1, len(curve) // 2 - 1
    append(
        {
            "data": data,
            "experiment": name,
            "seed": seed,
            "epochs": len(curve),
            "quarter": curve[quarter],
            "half": curve[half],
            "mAP50": curve[-1],
            "best": max(curve),
            "AP": coco["AP"],
            "train_mAP50": on_train["mAP50"],
            "fresh_mAP50": fresh["mAP50"],
            "loss": history[-1]["loss"],
            "val_loss": history[-1]["val_loss"],
            "minutes": history[-1]["seconds"] / 60,
            "images_per_second": statistics.median(
                row["images_per_second"] for row in history
            ),
            "device": device.name,
            "precision": precision,
            "curve": " ".join(f"{value:.3f}" for value in curve),
        }
    )


def read(where: Data) -> tuple:
    """Training pictures (the first `share` of a shuffle) and those that are scored."""
    import dataclasses

    import numpy as np

    from data import read_voc

    train_set = read_voc([SHARED / where.folder], where.train_split)
    val_set = read_voc([SHARED / where.folder], where.val_split, train_set.class_names)
    order = np.random.default_rng(0).permutation(len(train_set))
    kept = sorted(order[: round(where.share * len(train_set))])
    pictures = [train_set.pictures[at] for at in kept]
    return dataclasses.replace(train_set, pictures=pictures), val_set


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


def key(row: dict) -> tuple[str, str, str]:
    """What tells a row from the others."""
    return row["data"], row["experiment"], str(row["seed"])


def read_rows() -> list[dict]:
    """The rows that were trained so far."""
    if not TABLE.exists():
        return []
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(row: dict) -> None:
    """Add a row to the file; the first brings the column names."""
    from training.runs import append_history

    append_history(TABLE, row)
    print(row, flush=True)


def print_table(data: str) -> None:
    """Mean and range over the seeds of each experiment."""
    from reports import markdown_table

    columns = ("quarter", "half", "mAP50", "AP", "train_mAP50", "fresh_mAP50")
    rows = []
    for name in EXPERIMENTS:
        seeds = [r for r in read_rows() if key(r)[:2] == (data, name)]
        if seeds:
            figures = (spread([float(r[c]) for r in seeds]) for c in columns)
            rate = statistics.median(float(r["images_per_second"]) for r in seeds)
            rows.append((name, str(len(seeds)), *figures, f"{rate:.1f}"))
    print(f"\n{data}, {DATA[data].epochs} epochs\n")
    print(markdown_table(("experiment", "seeds", *columns, "images/s"), rows))


def spread(values: list[float]) -> str:
    """Mean, and lowest to highest where there are several."""
    mean = f"{statistics.mean(values):.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
