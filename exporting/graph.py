"""A detector as one TensorFlow function: uint8 images in, objects out.

Outputs by name, for B images and K = 200 objects at most:

    boxes    float32 (B, K, 4)  xmin, ymin, xmax, ymax in 0..1
    scores   float32 (B, K)     from high to low, 0.01 or more; 0 pads the end
    classes  int32 (B, K)       line of labels.txt, from 0
    count    int32 (B,)         how many of the K rows are objects

Layout "frigate": boxes are ymin, xmin, ymax, xmax; classes and count are float32.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from base.constants import IMAGE_SIZE, MIN_SCORE, NMS_IOU, TOP_K
from exporting import ExportSpec
from inference.runtimes.exported import XY_OF_YX
from ssd_utils import NUM_CANDIDATES, Tensor, candidates, make_priors, top_k_detections

NETWORK, DETECTIONS = "network", "detections"  # scopes: names of nodes begin with them
# ours: boxes of different classes are moved apart by twice the image, so that one
# suppression blind to classes serves all of them
APART = 2.0
OUTPUTS = ("boxes", "classes", "scores", "count")  # Frigate's order, cpu_tfl.py
# what int8 is too coarse for: the image less its mean, the squares of features, and of
# YOLOX-nano the first stages and the head's branches. mAP50 of the default detector:
# 0.723, in int8 0.027 as a whole, 0.707 without the first three, 0.714 without all
FLOAT_LAYERS = (
    *("preprocess", "conv4_3_norm/", "conv4_3_norm_1/"),
    *("/stem_", "/dark2_", "/dark3_", "/dark4_0_", "_convs_"),
)


def whole(
    exportable: ExportSpec,
    num_images: int | None,
    suppress: Callable[[Tensor, Tensor], Tensor],
) -> tf.types.experimental.GenericFunction:
    """The function, for batches of `num_images`; None: of any number.

    suppress: boxes (B, N, 4) and scores (B, N) -> float32 (B, N), 1 where a box stays.
    """
    shape = (num_images, IMAGE_SIZE, IMAGE_SIZE, 3)
    priors = make_priors(exportable.priors)
    model, layout = exportable.model, exportable.metadata.output_format
    # apart to the end: in one tensor int8 would round logits by the range of offsets
    heads = [model.get_layer(name).output for name in ("mbox_loc", "mbox_conf")]
    maps = keras.Model(model.input, heads)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="images")])
    def detect(images: Tensor) -> dict[str, Tensor]:
        with tf.name_scope(NETWORK):
            offsets, logits = maps(images)
        with tf.name_scope(DETECTIONS):
            boxes, scores, class_ids = candidates(offsets, logits, priors, MIN_SCORE)
            apart = boxes + APART * tf.cast(class_ids, tf.float32)[..., None]
            scores = scores * suppress(apart, scores)
            rows = top_k_detections(boxes, scores, class_ids, TOP_K)  # (B, K, 6)
            return _outputs(rows, layout)

    return detect


def is_map(name: str) -> bool:
    """Whether a node of this name computes one of the network's maps, fit for int8."""
    return f"{NETWORK}/" in name and not any(layer in name for layer in FLOAT_LAYERS)


def _outputs(rows: Tensor, layout: str) -> dict[str, Tensor]:
    class_ids, scores, boxes = rows[..., 0], rows[..., 1], rows[..., 2:]
    is_found = tf.cast(scores > 0, tf.float32)
    counts = {
        "classes": tf.maximum(class_ids - 1, 0),
        "count": tf.reduce_sum(is_found, axis=-1),
    }
    if layout == "frigate":
        boxes = tf.gather(boxes, XY_OF_YX, axis=-1)
    else:
        counts = {name: tf.cast(value, tf.int32) for name, value in counts.items()}
    return {"boxes": boxes, "scores": scores, **counts}


def suppress_flat(boxes: Tensor, scores: Tensor) -> Tensor:
    """float32 (B, N): 1 where a box (B, N, 4) stays, for B = 1.

    By the one operation that is a builtin of LiteRT and of ONNX as well. LiteRT fills
    its indices up to N; `num_kept` tells how many count.
    """
    flat = tf.reshape(scores, (-1,))  # (N,)
    kept, num_kept = tf.raw_ops.NonMaxSuppressionV4(
        boxes=tf.reshape(boxes, (-1, 4)),
        scores=flat,
        max_output_size=NUM_CANDIDATES,
        iou_threshold=NMS_IOU,
        score_threshold=MIN_SCORE / 2,  # strictly above; candidates are 0 or MIN_SCORE
        pad_to_max_output_size=False,
    )
    counts = tf.cast(tf.range(tf.shape(kept)[0]) < num_kept, tf.float32)
    stays = tf.scatter_nd(kept[:, None], counts, tf.shape(flat))
    return tf.reshape(stays, tf.shape(scores))


def frozen(function: tf.types.experimental.GenericFunction) -> tf.Module:
    """A module whose `detect` is the function with its weights as constants.

    LiteRT's converter leaves the values of Keras 3's variables out of the file, without
    a word: its interpreter then finds nothing.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2_as_graph,
    )

    concrete = function.get_concrete_function()
    names = sorted(concrete.structured_outputs)  # the order of a dictionary's tensors
    constant, graph = convert_variables_to_constants_v2_as_graph(concrete)
    for node in graph.node:  # gradients of a function of its own, as SiLU's, don't save
        node.attr.pop("_gradient_op_type", None)
    imported = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    ends = (constant.inputs, constant.outputs)
    run = imported.prune(*([tensor.name for tensor in end] for end in ends))
    module = tf.Module()
    module.detect = tf.function(
        lambda images: dict(zip(names, run(images), strict=True)),
        input_signature=function.input_signature,
    )
    return module
