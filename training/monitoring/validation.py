"""A split's figures of a model, as often as a training asks for them."""

import keras
import numpy as np

from data import Batches, Dataset
from evaluation import best_threshold, mean_ap
from inference.dataset import decoded, voc_curves
from inference.runtimes.keras_file import validate
from models import Architecture
from models.detection_layer import with_detections


class Evaluator:
    """A split's figures of a model, as often as it is called.

    Each call leaves the `images` that could be decoded, their `detections` (K, 6) and
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

    def first_predictions(self, count: int) -> np.ndarray:
        """Raw predictions (N, P, 4 + C) of the first images, `count` or a few more.

        Fewer where there are not so many; of those that are the same only one.
        """
        steps = min(-(-count // self.batches.batch_size), self.batches.steps_per_epoch)
        real = sum(self.batches.count(step) for step in range(steps))
        images = [self.batches.batch(0, step)[0] for step in range(steps)]
        predictions = [self.predictor.predict_on_batch(batch)[0] for batch in images]
        first: dict[bytes, int] = {}  # measured: np.unique takes 1.9 s for 8 images
        for at, image in enumerate(np.concatenate(images)[:real]):
            first.setdefault(image.tobytes(), at)
        return np.concatenate(predictions)[list(first.values())]

    def __call__(self) -> tuple[dict, float, float]:
        """Figures (`val_loss` and its parts, `val_acc`, `mAP50`), threshold, F1."""
        detections, means = validate(self.predictor, self.layout, self.batches)
        self.samples, self.detections = decoded(self.batches, detections)
        scored = (self.samples, self.detections)
        self.curves = voc_curves(*scored, self.dataset.class_names)
        figures = {f"val_{name}": value for name, value in means.items()}
        mean = np.nan_to_num(mean_ap(self.curves)["mAP50"])
        return {**figures, "mAP50": float(mean)}, *best_threshold(self.curves)
