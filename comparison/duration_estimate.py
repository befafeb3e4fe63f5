"""What lies ahead: combinations that don't exist, and about how long the rest takes.

All of it happens in a process that ends before the first training begins: Keras takes
memory and, on some backends, the whole GPU.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np

from base.keras_setup import import_keras
from comparison.plan import Combination
from models import Architecture
from models.weights.hub import DEFAULT_BACKBONE

PROBED_IMAGES = 2  # ours: a batch whose time an image is near that of larger ones
PROBED_STEPS = 2  # ours: the first is traced, the second counts
OBJECTS = 8  # ours: boxes in each of the made-up images


def reasons_against(combinations: Sequence[Combination]) -> list[str | None]:
    """For each a reason why it is left out, or None.

    UserError for a combination that train.py would refuse.
    """
    return _apart(_reasons, combinations)


def seconds_a_image(combinations: Sequence[Combination]) -> list[float]:
    """Of training: a step is made with each architecture, seeds share theirs."""
    return _apart(_seconds, combinations)


def describe(states: dict[str, str], minutes: dict[str, float]) -> str:
    """Lines that say what will be trained and about how long it takes.

    `states` of all combinations by name, `minutes` of those that are not finished.

    >>> print(describe({"a": "finished", "b": "new"}, {"b": 12.3}))
      a: finished
      b: new, about 12 minutes
    1 of 2 to train, about 12 minutes in all
    """
    about = {name: f", about {_in_words(minutes[name])}" for name in minutes}
    lines = [f"  {n}: {state}{about.get(n, '')}" for n, state in states.items()]
    total = f", about {_in_words(sum(minutes.values()))} in all" if minutes else ""
    return "\n".join([*lines, f"{len(minutes)} of {len(states)} to train{total}"])


def _in_words(minutes: float) -> str:
    if minutes >= 90:
        return f"{minutes / 60:.1f} hours"
    whole = max(round(minutes), 1)
    return f"{whole} minute{'s' if whole > 1 else ''}"


def _apart(work: Callable[[list], list], combinations: Sequence[Combination]) -> list:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, list(combinations)).result()


def _reasons(combinations: list[Combination]) -> list[str | None]:
    import_keras()
    return [_reason(combination) for combination in combinations]


def _reason(combination: Combination) -> str | None:
    backbone = _architecture(replace(combination, adapter_filters=256)).definition
    if combination.adapter_filters != 256 and not backbone.has_adapter:
        return f"{combination.backbone} has no adapter"
    if combination.freeze and combination.weights == "none":
        return "a backbone that starts from nothing can't be frozen"
    has_own = backbone.has_imagenet or combination.backbone == DEFAULT_BACKBONE
    if combination.freeze and not combination.weights and not has_own:
        return f"{combination.backbone} has no ImageNet weights to keep"
    _architecture(combination)
    return None


def _architecture(combination: Combination) -> Architecture:
    neck = combination.neck
    if combination.backbone == DEFAULT_BACKBONE and not (neck or combination.weights):
        neck = "yolox"  # that of the detector in weights/
    width = {} if combination.width is None else {"width": combination.width}
    num_classes = 21  # VOC's: changes the time by nothing that counts
    form = (combination.backbone, num_classes, combination.adapter_filters, neck)
    return Architecture(*form, **width)


def _seconds(combinations: list[Combination]) -> list[float]:
    keras = import_keras()
    from training.hardware import devices

    device = devices.find_device()
    known = {}
    for combination in combinations:
        key = architecture, _ = _architecture(combination), combination.freeze
        precision = devices.choose_precision("auto", device, architecture)
        keras.config.set_dtype_policy(precision)
        if key not in known:
            known[key] = step_seconds(*key) / PROBED_IMAGES
            keras.backend.clear_session()
    return [known[_architecture(c), c.freeze] for c in combinations]


def step_seconds(
    architecture: Architecture,
    is_frozen: bool,
    batch_size: int = PROBED_IMAGES,
    num_steps: int = PROBED_STEPS,
) -> float:
    """Seconds of the fastest of some training steps on noise; the first is traced.

    In the dtype policy that is set.
    """
    from models import build
    from models.weights.initialise import freeze
    from training.engine import Trainer
    from training.optimiser import make_optimiser

    model = build(architecture)
    if is_frozen:
        freeze(model)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, architecture.layout).compile_for(optimiser)
    shape = (batch_size, 300, 300, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    box = np.float32([0.2, 0.2, 0.6, 0.7, 1])
    truth = np.tile(box, (batch_size, OBJECTS, 1))  # (B, M, 5)
    seconds = []
    for _ in range(num_steps):
        started = time.perf_counter()
        trainer.step(images, truth, 1e-3)
        seconds.append(time.perf_counter() - started)
    return min(seconds)
