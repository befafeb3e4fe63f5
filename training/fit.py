"""A whole training: epochs, validation, history, best and last weights."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from data import Batches, Dataset
from evaluation import best_threshold, evaluate_voc, mean_ap
from models import Architecture, weights
from models.detector import with_detections
from models.start import extractor_variables, freeze, thaw
from training.average import Average
from training.engine import Trainer, train_epoch, validate
from training.optimiser import make_optimiser
from training.runs import append_history
from training.schedule import Schedule

# the progress bar's words for the loss's parts
SHOWN = {"loss": "loss", "box_loss": "box", "class_loss": "class", "acc": "acc"}

# ours: trainings that learn are above it at a third of their time; docs/training.md
STUCK_FROM, STUCK_BELOW = 1 / 3, 0.02
STUCK = (
    "A third of the training is over and next to nothing is detected. Look at "
    "train_batch.jpg: are the boxes where the objects are? Then try --lr {1:g} in "
    "place of {0:g}, --weights imagenet, or more --epochs."
)


@dataclass(frozen=True)
class Settings:
    """How long and how a training learns.

    epochs, minutes: its length; one of them is None.
    batch_size, accumulate: an update sees their product, in `accumulate` parts.
    lr, schedule, optimiser: the rate's peak and shape, and who uses it.
    freeze_epochs: so long the extractor stays as it is; from then on it learns at
        `backbone_lr_scale` of the rate.
    average: score and save the moving average of the weights.
    loss: options of models.multibox_loss.
    """

    epochs: int | None
    minutes: float | None = None
    batch_size: int = 8
    accumulate: int = 1
    lr: float = 1e-3
    schedule: str = "cosine"
    optimiser: str = "adamw"
    freeze_epochs: int = 0
    backbone_lr_scale: float = 1.0
    average: bool = False
    loss: dict = field(default_factory=dict)
    seed: int = 0

    @property
    def length(self) -> str:
        """In words."""
        return f"{self.epochs} epochs" if self.epochs else f"{self.minutes:g} minutes"


def fit(
    model: keras.Model,
    architecture: Architecture,
    train_set: Dataset,
    val_set: Dataset,
    settings: Settings,
    folder: Path,
    notes: dict,
) -> list[dict]:
    """Train and leave best.weights.h5, last.weights.h5, history.csv in `folder`.

    Returns the history, a row per epoch with the means of the loss's parts, those of
    the validation as `val_...`, mAP50, seconds since the start and images per second.
    `notes` goes into the weights files. Best is the highest mAP50 on `val_set`. Ctrl-C
    ends the training early; before the end of the first epoch KeyboardInterrupt rises.
    """
    update_size = settings.batch_size * settings.accumulate
    batches = Batches(train_set, update_size, seed=settings.seed)
    num_steps = settings.epochs and settings.epochs * batches.steps_per_epoch
    schedule = Schedule(settings.schedule, settings.lr, num_steps, settings.minutes)
    check = Validation(model, architecture, val_set, settings.batch_size)
    average = Average(model) if settings.average else None
    history: list[dict] = []
    told = False
    bar = tqdm(total=num_steps, unit="step", disable=None)

    def on_step(parts: dict) -> None:
        if average:
            average.update()
        _show(bar, parts, history)

    with bar, stops_on_interrupt(history):
        while schedule.progress < 1:
            epoch = len(history)
            if epoch in (0, settings.freeze_epochs):
                frozen = epoch < settings.freeze_epochs
                trainer = _new_trainer(model, architecture, settings, frozen)
                schedule.warm_up()
            first_step, started = schedule.step, schedule.seconds
            try:
                means = train_epoch(trainer, batches.epoch(epoch), schedule, on_step)
            except FloatingPointError as error:
                raise FloatingPointError(f"epoch {epoch + 1}, {error}") from error
            num_images = (schedule.step - first_step) * update_size
            images_per_second = num_images / (schedule.seconds - started)
            with average.applied() if average else nullcontext():
                figures, threshold, f1 = check()
                row = {
                    "epoch": epoch + 1,
                    "seconds": schedule.seconds,
                    "lr": float(trainer.optimizer.learning_rate),
                    **means,
                    **figures,
                    "images_per_second": images_per_second,
                }
                history.append(row)
                training = {**notes, "epochs": epoch + 1, "mAP50": row["mAP50"]}
                description = weights.Description(
                    architecture, train_set.class_names, threshold, f1, training
                )
                weights.save(model, folder / "last.weights.h5", description)
                if best_row(history) is row:
                    weights.save(model, folder / "best.weights.h5", description)
            append_history(folder / "history.csv", row)
            bar.write(_line(row, settings))
            if not told and is_stuck(history, schedule.progress):
                bar.write(STUCK.format(settings.lr, settings.lr / 4))
                told = True
    tell_broken(batches.broken | check.batches.broken)
    return history


def _new_trainer(
    model: keras.Model, architecture: Architecture, settings: Settings, frozen: bool
) -> Trainer:
    """The trainer of a phase: the extractor is frozen, or learns at its own rate."""
    if settings.freeze_epochs:
        (freeze if frozen else thaw)(model)
    optimiser = make_optimiser(
        settings.optimiser,
        model.trainable_variables,
        extractor_variables(model),
        settings.backbone_lr_scale,
        settings.accumulate,
    )
    trainer = Trainer(model, architecture.layout, settings.accumulate, **settings.loss)
    return trainer.compile_for(optimiser)


def class_weights(dataset: Dataset) -> list[float]:
    """A weight for background (1) and each class: 1 / sqrt(boxes), 1 in the mean.

    The mean is that over the boxes. Mahajan et al., "Exploring the Limits of Weakly
    Supervised Pretraining", 2018, sec. 2.2, for the root.
    """
    counts = np.array(list(dataset.boxes_per_class().values()), float)  # (C - 1,)
    weights = 1 / np.sqrt(np.maximum(counts, 1))
    weights *= counts.sum() / (weights * counts).sum()
    return [1.0, *weights.tolist()]


@contextmanager
def stops_on_interrupt(history: list[dict]) -> Iterator[None]:
    """Ctrl-C ends the training; what the epochs before it left behind counts."""
    try:
        yield
    except KeyboardInterrupt:
        if not history:
            raise


def is_stuck(history: list[dict], progress: float) -> bool:
    """Whether a training that is `progress` 0..1 over has not begun to detect."""
    return progress >= STUCK_FROM and best_row(history)["mAP50"] < STUCK_BELOW


def best_row(history: list[dict]) -> dict:
    """The row of the highest mAP50, of equals the one with the lowest val_loss."""
    return max(history, key=lambda row: (row["mAP50"], -row["val_loss"]))


class Validation:
    """A split's figures of a model, as often as it is called.

    Each call leaves the `pictures` that could be decoded, their `detections` (K, 6) and
    the `curves` of all classes.
    """

    def __init__(
        self,
        model: keras.Model,
        architecture: Architecture,
        dataset: Dataset,
        batch_size: int,
    ) -> None:
        self.layout = architecture.layout
        self.dataset = dataset
        self.predictor = with_detections(model, self.layout)
        self.batches = Batches(dataset, batch_size, augmented=False)

    def __call__(self) -> tuple[dict, float, float]:
        """Figures (`val_loss` and its parts, `val_acc`, `mAP50`), threshold, F1."""
        detections, means = validate(self.predictor, self.layout, self.batches)
        # a picture that could not be decoded is reported, not scored
        scored = [
            (picture, found)
            for picture, found in zip(self.dataset.pictures, detections, strict=True)
            if picture.path not in self.batches.broken
        ]
        self.pictures = [picture for picture, _ in scored]
        self.detections = [found for _, found in scored]
        self.curves = evaluate_voc(
            self.detections,
            [picture.truth for picture in self.pictures],
            [picture.difficult for picture in self.pictures],
            self.dataset.class_names,
        )
        figures = {f"val_{name}": value for name, value in means.items()}
        mean = np.nan_to_num(mean_ap(self.curves)["mAP50"])
        return {**figures, "mAP50": float(mean)}, *best_threshold(self.curves)


def _show(bar: tqdm, parts: dict, history: list[dict]) -> None:
    """A step's parts of the loss and the val_acc of the epoch before."""
    texts = {SHOWN[name]: f"{value:.2f}" for name, value in parts.items()}
    if history:
        texts["val_acc"] = f"{history[-1]['val_acc']:.2f}"
    bar.set_postfix(texts)
    bar.update()


def _line(row: dict, settings: Settings) -> str:
    """What a person reads after each epoch."""
    of = f"/{settings.epochs}" if settings.epochs else ""
    return (
        f"epoch {row['epoch']:3d}{of}  {row['seconds'] / 60:5.1f} min  "
        f"loss {row['loss']:6.3f} (box {row['box_loss']:.3f}, class "
        f"{row['class_loss']:.3f})  val loss {row['val_loss']:6.3f}  "
        f"val acc {row['val_acc']:.3f}  mAP50 {row['mAP50']:.3f}  "
        f"{row['images_per_second']:.1f} images/s"
    )


def tell_broken(paths: set[Path]) -> None:
    """A line about the pictures that turned out to be no pictures."""
    if paths:
        some = ", ".join(str(path) for path in sorted(paths)[:3])
        print(f"{len(paths)} pictures could not be read and were left out: {some}")
