"""TensorFlow's SavedModel, signature `serving_default`: batches of any size."""

from pathlib import Path

import tensorflow as tf

from exporting import ExportSpec
from exporting.graph import frozen, suppress_flat, whole
from inference.runtimes.saved_model import EXTRAS
from models.weights.metadata import FILE_NAME, LABELS_NAME
from ssd_utils import NUM_CANDIDATES, Tensor


def write(exportable: ExportSpec, path: Path) -> None:
    """Write the folder."""
    module = frozen(whole(exportable, None, _suppress_each))
    signature = module.detect.get_concrete_function()
    tf.saved_model.save(module, str(path), signatures=signature)
    extras = path / EXTRAS
    extras.mkdir()
    (extras / FILE_NAME).write_text(exportable.metadata.to_json(), "utf-8")
    (extras / LABELS_NAME).write_text(exportable.metadata.labels(), "utf-8")


def _suppress_each(boxes: Tensor, scores: Tensor) -> Tensor:
    """float32 (B, N): 1 where a box stays; image by image."""
    given = tf.TensorSpec((NUM_CANDIDATES,), tf.float32)
    pairs = (boxes, scores)
    return tf.map_fn(lambda p: suppress_flat(*p), pairs, fn_output_signature=given)
