"""Images of a run: what the network learns from, what it finds afterwards."""

from pathlib import Path
from typing import TYPE_CHECKING

from base.errors import UserError
from data import Batches, Dataset, resize
from reports import drawing

if TYPE_CHECKING:  # images are drawn without Keras
    from inference.runtimes.keras_file import KerasModel
    from training import TrainingConfig

SAMPLES = 8  # images of a data set that are drawn; ours


def draw_first_batch(dataset: Dataset, settings: "TrainingConfig", path: Path) -> None:
    """The first images that a training sees, with the boxes of their objects."""
    batch = Batches(dataset, settings.batch_size, settings.seed).batch(0, 0)
    images = []
    for image, truth in zip(*batch, strict=True):
        rows = truth[truth[:, 4] > 0]
        class_ids = rows[:, 4].astype(int)
        labels = [dataset.class_names[class_id - 1] for class_id in class_ids]
        images.append(drawing.draw_boxes(image, rows[:, :4], labels, class_ids))
    drawing.write_image(path, drawing.contact_sheet(images, columns=4))


def draw_samples(detector: "KerasModel", dataset: Dataset, folder: Path) -> None:
    """Some images, evenly chosen: truth and detections side by side."""
    folder.mkdir(exist_ok=True)
    samples = dataset.samples[:: max(len(dataset) // SAMPLES, 1)][:SAMPLES]
    for number, sample in enumerate(samples, start=1):
        try:
            image = sample.read_image()
        except UserError:  # the validation has reported it
            continue
        small, _ = resize(image, sample.truth)
        (detections,) = detector(small[None])
        sheet = drawing.draw_truth_and_detections(
            image, sample.truth, detections, dataset.class_names, detector.threshold
        )
        drawing.write_image(folder / f"{number}_{sample.path.stem}.jpg", sheet)
