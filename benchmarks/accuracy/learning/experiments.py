"""What benchmarks.accuracy.learning trains: data sets, and one change at a time.

An experiment is a difference from the defaults of train.py; what has no option there is
patched in by name, so that no knob is left in the product.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training import RATES

SHARED = Path("../shared")
SQUEEZENET = SHARED / "weights/squeezenet_imagenet_notop.h5"
MOBILENET = SHARED / "weights/mobilenet_2_5_224_tf_no_top.h5"

SHAPES = Path("data/sets/shapes")  # drawn where it is missing; not in git

FEATURE_SCALE = 43  # ours, about the 42 that benchmarks.accuracy.feature_scale prints


@dataclass(frozen=True)
class Data:
    """A data set, its two splits and how long its trainings are."""

    folder: Path
    train_split: str
    val_split: str
    epochs: int
    share: float = 1.0


BCCD, RACCOON = SHARED / "data/bccd", SHARED / "data/raccoon"
DATA = {
    "bccd": Data(BCCD, "trainval", "test", epochs=16),
    "raccoon": Data(RACCOON, "train", "val", epochs=20),
    "bccd, long": Data(BCCD, "trainval", "test", epochs=45),  # results/trainings.md
    "raccoon, long": Data(RACCOON, "train", "val", epochs=60),
    "bccd/4": Data(BCCD, "trainval", "test", epochs=32, share=0.25),
    "raccoon/4": Data(RACCOON, "train", "val", epochs=40, share=0.25),
    "shapes": Data(SHAPES, "train", "val", epochs=11),
}


@dataclass(frozen=True)
class Experiment:
    """Differences from train.py --backbone squeezenet, its neck light.

    architecture, settings: arguments of models.Architecture and of
    training.TrainingConfig.
    patches: what else is changed, by dotted name -> a function of the original.
    freeze_share, lr_factor: of the epochs, of the default rate. weigh_classes: as the
    option of that name. precision: a fixed one, so that machines' rows can be compared.
    """

    weights: str = str(SQUEEZENET)
    freeze: bool = False
    freeze_share: float = 0.0
    lr_factor: float = 1.0
    weigh_classes: bool = False
    precision: str = "float32"
    architecture: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    patches: dict[str, Callable] = field(default_factory=dict)


def _mirror_only(original: Callable) -> Callable:
    def augment(image, truth, rng, size=300):
        from data.augment import mirror, resize

        return mirror(*resize(image, truth, size), rng)

    return augment


def _crop_and_mirror(original: Callable) -> Callable:
    def augment(image, truth, rng, size=300):
        import cv2

        from data.augment import (
            WHOLE,
            _in_mean,
            _shown,
            min_iou_crop,
            mirror,
            truth_in_window,
            whole_pixels,
        )

        window = whole_pixels(min_iou_crop(WHOLE, truth, rng), image.shape)
        part = _shown(image, window, size, cv2.INTER_LINEAR)
        image = _in_mean(part, window, size)
        return mirror(image, truth_in_window(truth, window), rng)

    return augment


def _plain_adapter(original: Callable) -> Callable:
    return lambda features, filters, norm, *at: original(features, filters, "none", *at)


def _identity_adapter(original: Callable) -> Callable:
    """Plain, and passes the features on at first: each cell sees one cell."""
    import numpy as np

    def identity(kernel):
        kernel = np.zeros_like(kernel)
        middle = kernel.shape[0] // 2
        kernel[middle, middle] = np.eye(kernel.shape[-1])
        return kernel

    return _with_kernel(_plain_adapter(original), identity)


def _small_adapter(original: Callable) -> Callable:
    """Its maps deviate by about 1 at first, but each step changes them as before."""
    return _with_kernel(original, lambda kernel: kernel / FEATURE_SCALE)


def _with_kernel(original: Callable, change: Callable) -> Callable:
    """An adapter that begins with another kernel."""

    def adapter(features, *rest):
        import keras

        x = original(features, *rest)
        kernel = keras.Model(features, x).get_layer("conv4_0").kernel
        kernel.assign(change(keras.ops.convert_to_numpy(kernel)))
        return x

    return adapter


def _scaled_adapter(original: Callable) -> Callable:
    """Features that deviate by about 1."""

    def adapter(features, *rest):
        import keras

        return original(keras.layers.Rescaling(1 / FEATURE_SCALE)(features), *rest)

    return adapter


def _slow_adapter(original: Callable) -> Callable:
    """Its maps are as large as before at first, each step changes them less."""

    def make_optimiser(name, variables, slow, slower_by, accumulate):
        slow = [variable for variable in variables if "conv4_0/" in variable.path]
        assert slow
        return original(name, variables, slow, 1 / FEATURE_SCALE, accumulate)

    return make_optimiser


def _all_published_layers(original: Callable) -> Callable:
    """fire6 to fire9 belong to the backbone too."""

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


def _no_decay(original: dict) -> dict:
    return {**original, "adamw": {"weight_decay": 0.0}}


def step_decay(progress: float) -> float:
    """A tenth and a hundredth, as weiliu89/caffe ssd_pascal.py: 80k, 100k of 120k."""
    return 1.0 if progress < 2 / 3 else 0.1 if progress < 5 / 6 else 0.01


def _ciou(original: Callable) -> Callable:
    """Of decoded boxes: Zheng et al., "Distance-IoU Loss", 2020, eq. 10."""

    def ciou_loss(offsets, boxes, priors):
        from keras import ops
        from keras.utils.bounding_boxes import compute_ciou

        from ssd_utils import decode

        found = decode(ops.clip(offsets, -15.0, 15.0), priors)
        return 5.0 * (1.0 - compute_ciou(found, boxes, "xyxy"))

    return ciou_loss


def _value(value: Any) -> Callable:
    return lambda original: value


MOMENTUM = "models.layers.BN_MOMENTUM"
AUGMENT = "data.batches.augment"
ADAPTER = "models.necks.heads.adapter"
FROZEN_LAYERS = "models.weights.initialise.backbone_layers"
HEADS = "models.necks.heads.heads"
BOX_LOSS = "models.losses.multibox_loss.smooth_l1"
SCHEDULE = "training.schedule.cosine"
CLIP_NORM = "training.optimiser.CLIP_NORM"
OPTIMISER = "training.state.make_optimiser"
OPTIMISERS = "training.optimiser.OPTIMISERS"
WARMUP_STEPS = "training.schedule.WARMUP_STEPS"
PROTOTYPE = {  # the crude one that fell: plain adapter, all of ImageNet's layers fixed
    ADAPTER: _plain_adapter,
    FROZEN_LAYERS: _all_published_layers,
    AUGMENT: _mirror_only,
}

# the backbone's own statistics at the momentum that keras.applications gives them
SLOW = {"models.layers.set_momentum": _value(lambda parts: None)}

SSD_BFLOAT16 = {
    "precision": "mixed_bfloat16",
    "architecture": {"neck": "ssd"},
}
SSD_PLAIN = {**SSD_BFLOAT16, "architecture": {"neck": "ssd", "norm": "none"}}
REGIMES = {"full": {}, "frozen": {"freeze": True}, "scratch": {"weights": "none"}}

EXPERIMENTS = {
    **{regime: Experiment(**options) for regime, options in REGIMES.items()},
    "staged": Experiment(freeze_share=0.25, settings={"backbone_lr_scale": 0.1}),
    "slow backbone": Experiment(settings={"backbone_lr_scale": 0.1}),
    # the article's case: the paper's neck, eight times the work of light
    **{
        f"ssd {regime}{text}": Experiment(freeze=regime == "frozen", **options)
        for regime in ("full", "frozen")
        for text, options in {
            "": {"architecture": {"neck": "ssd"}},
            ", bfloat16": SSD_BFLOAT16,
            ", no norm, bfloat16": SSD_PLAIN,
            ", no norm, scaled, bfloat16": {
                **SSD_PLAIN,
                "patches": {ADAPTER: _scaled_adapter},
            },
        }.items()
    },
    # a classifier of keras.applications and its own stages
    **{
        f"MobileNet {name}": Experiment(
            architecture={"backbone": "MobileNet", "width": 0.25}, **options
        )
        for name, options in {
            "full": {"weights": str(MOBILENET)},
            "frozen": {"weights": str(MOBILENET), "freeze": True},
            "scratch": {"weights": "none"},
            "full, momentum 0.99": {"weights": str(MOBILENET), "patches": SLOW},
            "scratch, momentum 0.99": {"weights": "none", "patches": SLOW},
        }.items()
    },
    # why frozen learns, or not: one change at a time
    **{
        f"{regime}, no norm{text}": Experiment(
            freeze=regime == "frozen", lr_factor=factor, architecture={"norm": "none"}
        )
        for regime in ("full", "frozen")
        for text, factor in {"": 1, " at x0.25": 1 / 4, " at x0.125": 1 / 8}.items()
    },
    **{
        f"{regime}, no norm, scaled": Experiment(
            freeze=regime == "frozen",
            architecture={"norm": "none"},
            patches={ADAPTER: _scaled_adapter},
        )
        for regime in ("full", "frozen")
    },
    **{
        f"frozen, no norm, {name}": Experiment(
            freeze=True, architecture={"norm": "none"}, patches=patches
        )
        for name, patches in {
            "small adapter": {ADAPTER: _small_adapter},
            "slow adapter": {OPTIMISER: _slow_adapter},
        }.items()
    },
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
    "frozen, batch 2, accumulate 4": Experiment(
        freeze=True, settings={"batch_size": 2, "accumulate": 4}
    ),
    "frozen, other preprocessing": Experiment(
        freeze=True, architecture={"preprocessing": "tf"}
    ),
    "frozen, class bias": Experiment(freeze=True, patches={HEADS: _rare_objects}),
    "prototype": Experiment(freeze=True, patches=PROTOTYPE),
    "prototype, momentum 0.99": Experiment(
        freeze=True, patches={**PROTOTYPE, MOMENTUM: _value(0.99)}
    ),
    "prototype, augmented": Experiment(
        freeze=True, patches={k: v for k, v in PROTOTYPE.items() if k != AUGMENT}
    ),
    **{
        f"prototype, crops, bfloat16{text}": Experiment(
            freeze=True,
            precision="mixed_bfloat16",
            patches={**PROTOTYPE, AUGMENT: _crop_and_mirror, **more},
        )
        for text, more in {"": {}, ", no clipping": {CLIP_NORM: _value(None)}}.items()
    },
    # rates
    **{
        f"{regime}, rate x{factor:g}": Experiment(**options, lr_factor=factor)
        for regime, options in REGIMES.items()
        for factor in (1 / 8, 1 / 4, 1 / 2, 2, 4)
    },
    # options
    "full, ciou": Experiment(patches={BOX_LOSS: _ciou}),
    "full, sgd at x4": Experiment(
        settings={"optimiser": "sgd", "lr": RATES["sgd"]}, lr_factor=4
    ),
    **{
        f"{regime}, {name}": Experiment(**options, **change)
        for regime, options in REGIMES.items()
        for name, change in {
            "sgd": {"settings": {"optimiser": "sgd", "lr": RATES["sgd"]}},
            "steps": {"patches": {SCHEDULE: _value(step_decay)}},
            "average": {"settings": {"ema": True}},
            "no clipping": {"patches": {CLIP_NORM: _value(None)}},
            "no decay": {"patches": {OPTIMISERS: _no_decay}},
            "no warm-up": {"patches": {WARMUP_STEPS: _value(1)}},
        }.items()
    },
    "full, bfloat16": Experiment(precision="mixed_bfloat16"),
    "full, weighed classes": Experiment(weigh_classes=True),
}

# file name -> data set, experiments
PLOTS = {
    "bccd": ("bccd", ("full", "frozen", "scratch")),
    "raccoon": ("raccoon", ("full", "frozen", "scratch", "staged")),
    "ssd": (
        "raccoon",
        (
            "ssd full, bfloat16",
            "ssd frozen, bfloat16",
            "ssd frozen",
            "ssd frozen, no norm, scaled, bfloat16",
            "ssd frozen, no norm, bfloat16",
        ),
    ),
    "causes": (
        "raccoon",
        (
            "frozen",
            "frozen, no norm",
            "frozen, no norm, scaled",
            "frozen, mirror only",
            "prototype",
            "prototype, momentum 0.99",
        ),
    ),
    "options": (
        "raccoon",
        ("full", "full, average", "full, steps", "full, sgd", "full, ciou"),
    ),
    "mobilenet": (
        "raccoon",
        ("MobileNet full", "MobileNet frozen", "MobileNet scratch"),
    ),
}
