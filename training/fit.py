"""A whole training: epochs, validation, history, best and last weights."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from data import Batches, Dataset
from evaluation import best_threshold, evaluate_voc, mean_ap
from models import Architecture, weights
from models.detector import with_detections
from training.engine import Trainer, train_epoch, validate
from training.optimiser import make_optimiser
from training.runs import append_history

# the progress bar's words for the loss's parts
SHOWN = {"loss": "loss", "box_loss": "box", "class_loss": "class", "acc": "acc"}


@dataclass(frozen=True)
class Settings:
    """How long and how fast a training learns; `lr` is the schedule's peak."""

    epochs: int
    batch_size: int = 8
    lr: float = 1e-3
    seed: int = 0


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
    batches = Batches(train_set, settings.batch_size, seed=settings.seed)
    steps = settings.epochs * batches.steps_per_epoch
    trainer = Trainer(model, architecture.layout)
    trainer.compile_for(make_optimiser(settings.lr, steps))
    check = Validation(model, architecture, val_set, settings.batch_size)
    history: list[dict] = []
    started = time.perf_counter()
    bar = tqdm(total=steps, unit="step", disable=None)
    with bar, stops_on_interrupt(history):
        for epoch in range(settings.epochs):
            epoch_started = time.perf_counter()
            show = _shower(bar, history[-1] if history else {})
            try:
                means = train_epoch(trainer, batches.epoch(epoch), show)
            except FloatingPointError as error:
                raise FloatingPointError(f"epoch {epoch + 1}, {error}") from error
            seconds = time.perf_counter() - epoch_started
            figures, threshold, f1 = check()
            row = {
                "epoch": epoch + 1,
                "seconds": time.perf_counter() - started,
                "lr": float(trainer.optimizer.learning_rate),
                **means,
                **figures,
                "images_per_second": settings.batch_size
                * batches.steps_per_epoch
                / seconds,
            }
            description = weights.Description(
                architecture,
                train_set.class_names,
                threshold,
                f1,
                {**notes, "epochs": epoch + 1, "mAP50": row["mAP50"]},
            )
            weights.save(model, folder / "last.weights.h5", description)
            history.append(row)
            if best_row(history) is row:
                weights.save(model, folder / "best.weights.h5", description)
            append_history(folder / "history.csv", row)
            bar.write(_line(row, settings.epochs))
    tell_broken(batches.broken | check.batches.broken)
    return history


@contextmanager
def stops_on_interrupt(history: list[dict]) -> Iterator[None]:
    """Ctrl-C ends the training; what the epochs before it left behind counts."""
    try:
        yield
    except KeyboardInterrupt:
        if not history:
            raise


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


def _shower(bar: tqdm, before: dict) -> Callable[[dict], None]:
    """Shows a step's parts of the loss and the val_acc of the epoch before."""
    val_acc = {"val_acc": f"{before['val_acc']:.2f}"} if before else {}

    def show(parts: dict) -> None:
        texts = {SHOWN[name]: f"{value:.2f}" for name, value in parts.items()}
        bar.set_postfix({**texts, **val_acc})
        bar.update()

    return show


def _line(row: dict, epochs: int) -> str:
    """What a person reads after each epoch."""
    return (
        f"epoch {row['epoch']:3d}/{epochs}  {row['seconds'] / 60:5.1f} min  "
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
