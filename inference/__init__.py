"""From images of any size to named boxes: what stands between data and a network.

- detector.py: Detector, for images as arrays or files
- dataset.py: all images of a data set through a network, for scoring
- stream.py: frames through a detector, reading and writing beside it
- outputs.py: what detect.py leaves: drawings, videos, JSON, labels, crops

The room above `models` and `data`, which don't know each other.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Keras is loaded when a detector is
    from inference.detector import Detector, InferenceModel

TILE_PX = 300  # ours: a tile's pixels are the network's, where a file tells nothing


def load(
    path: Path | str | None = None,
    threshold: float | None = None,
    top_k: int | None = None,
    batch_size: int = 8,
    tile: int | bool = False,
) -> "Detector":
    """The detector in a weights file, ready for images of any size.

    path: a weights file or what export.py made of one, which needs its own runtime and
        no Keras; "voc" and "coco" are published ones, which `models.weights.hub`
        fetches; None is the one in weights/, of VOC's 20 classes.
    threshold: least score, 0..1; None is the file's own, that of best F1.
    top_k: at most so many objects an image; None is the paper's 200.
    batch_size: images that go through the network at a time.
    tile: cut large images into tiles of so many pixels, True: as large as the images
        of the training, and merge their objects.

    UserError where the file is no detector of this collection.
    """
    from inference.detector import Detector
    from models.weights.hub import DEFAULT

    network = open_model(path or DEFAULT, threshold, top_k)
    if tile is True:
        tile = network.metadata.tile_px or TILE_PX
    return Detector(network, batch_size, tile or None)


def open_model(
    path: Path | str, threshold: float | None = None, top_k: int | None = None
) -> "InferenceModel":
    """The network of `load`, for images of its own size."""
    from inference import runtimes

    if runtimes.detect_format(path):
        return runtimes.load(path, threshold, top_k)
    from base.keras_setup import import_keras

    import_keras()
    from base.constants import TOP_K
    from inference.runtimes.keras_file import KerasModel
    from models.weights.hub import resolve_weights

    return KerasModel(
        resolve_weights(path), threshold, TOP_K if top_k is None else top_k
    )
