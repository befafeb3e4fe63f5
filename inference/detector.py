"""A detector for images of any size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from base.boxes import to_pixels
from base.constants import IMAGE_SIZE, NMS_IOU
from base.errors import UserError
from data import Batches, read_image
from data.tiles import crop_tiles, merge_tile_detections, tile_windows
from models.weights.metadata import ModelMetadata


class InferenceModel(Protocol):
    """What finds objects in images of one size: a KerasModel or an ExportedModel.

    Detections (B, K, 6) of uint8 RGB images (B, 300, 300, 3): class from 1, score,
    corners in 0..1; rows of zeros pad the end. `validate`: those of all images, and
    the losses that are known.
    """

    class_names: Sequence[str]
    threshold: float
    metadata: ModelMetadata

    def __call__(self, images: np.ndarray) -> np.ndarray: ...

    def validate(
        self, batches: Batches
    ) -> tuple[list[np.ndarray], dict[str, float]]: ...


@dataclass(frozen=True)
class Detections:
    """The objects of one image, best first.

    boxes: (N, 4) float32 corners xmin, ymin, xmax, ymax in pixels of the image.
    scores: (N,) float32, 0..1.
    class_ids: (N,) int, from 1; class_names: what they are called.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    class_names: list[str]

    def __len__(self) -> int:
        return len(self.class_names)

    @property
    def names(self) -> list[str]:
        """`class_names`, as earlier versions called them."""
        return self.class_names


class Prepared(NamedTuple):
    """An image as the network takes it.

    tiles: uint8 (N, 300, 300, 3) RGB; windows: int (N, 4), where they lie, in pixels.
    """

    tiles: np.ndarray
    windows: np.ndarray


class Detector:
    """A network, called on images of any size.

    `class_names` and `threshold` are the network's. `tile_px`: large images are cut
    into tiles of so many pixels; None: every image is shrunk to the network's input.
    """

    def __init__(
        self, network: InferenceModel, batch_size: int = 8, tile_px: int | None = None
    ) -> None:
        self.class_names, self.threshold = network.class_names, network.threshold
        self.batch_size, self.tile_px = batch_size, tile_px
        self._network = network

    def __call__(
        self, images: np.ndarray | Path | str | Iterable[np.ndarray | Path | str]
    ) -> Detections | list[Detections]:
        """The objects of one image, or a list with those of each of several.

        An image is a path or a uint8 array (H, W, 3) RGB. UserError for anything
        else, and where a file can't be read.
        """
        is_array = isinstance(images, np.ndarray) and images.ndim < 4
        is_path = isinstance(images, str | Path)
        if is_array or is_path or not isinstance(images, Iterable):
            return self([images])[0]
        images, found = list(images), []
        for start in range(0, len(images), self.batch_size):
            group = [_image(p) for p in images[start : start + self.batch_size]]
            detections = self.detect([self.prepare(image) for image in group])
            for image, rows in zip(group, detections, strict=True):
                found.append(self._named(rows, image.shape))
        return found

    def prepare(self, image: np.ndarray) -> Prepared:
        """uint8 (H, W, 3) RGB cut and resized, without Keras: for any thread."""
        size_wh = (image.shape[1], image.shape[0])
        windows = tile_windows(size_wh, self.tile_px or max(size_wh))
        return Prepared(crop_tiles(image, windows, IMAGE_SIZE), windows)

    def detect(self, group: Sequence[Prepared]) -> list[np.ndarray]:
        """Detections (K, 6) of each image: class, score, corners in 0..1."""
        if not group:
            return []
        rows = self._run(np.concatenate([prepared.tiles for prepared in group]))
        found, start = [], 0
        for _, windows in group:
            parts = rows[start : start + len(windows)]
            found.append(merge_tile_detections(parts, windows, NMS_IOU, rows.shape[1]))
            start += len(windows)
        return found

    def _run(self, tiles: np.ndarray) -> np.ndarray:
        """(N, K, 6) of (N, 300, 300, 3): one image alone, or batches of one shape."""
        if len(tiles) == 1:
            return self._network(tiles)
        batches = []
        for start in range(0, len(tiles), self.batch_size):
            batch = tiles[start : start + self.batch_size]
            lacking = self.batch_size - len(batch)
            padded = np.pad(batch, ((0, lacking), (0, 0), (0, 0), (0, 0)))
            batches.append(self._network(padded)[: len(batch)])
        return np.concatenate(batches)

    def _named(self, rows: np.ndarray, shape: tuple[int, ...]) -> Detections:
        height, width = shape[:2]
        boxes = to_pixels(rows[:, 2:], (width, height))
        class_ids = rows[:, 0].astype(int)
        names = [self.class_names[class_id - 1] for class_id in class_ids]
        return Detections(boxes, rows[:, 1], class_ids, names)


def _image(image: np.ndarray | Path | str) -> np.ndarray:
    if isinstance(image, str | Path):
        return read_image(image)
    shape, kind = np.shape(image), getattr(image, "dtype", type(image).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or not all(shape):
        raise UserError(
            "An image: expected a path or a uint8 array of shape (H, W, 3), RGB. "
            f"Received: {kind} {shape}"
        )
    return image
