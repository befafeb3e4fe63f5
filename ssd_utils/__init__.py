"""The geometry of SSD: priors, IoU, encoding, matching, non-maximum suppression.

- boxes.py: conversions, IoU, encoding and decoding
- matching.py: which prior learns which object
- suppression.py: from predictions to detections, non-maximum suppression (NMS)

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325;
"the paper" below. Everything on tensors is written in keras.ops and runs unchanged on
TensorFlow, JAX and PyTorch.

Letters of the shape comments: B images of a batch, M rows of ground truth of a
image, P priors, C classes with the background, N candidate boxes, K detections.

Boxes are corners (xmin, ymin, xmax, ymax) in 0..1 of the image; priors are centers
(cx, cy, width, height) in the same unit.
"""
# ruff: noqa: F401, a reader looks for all of SSD's geometry here

from base.constants import IMAGE_SIZE, MIN_SCORE, NMS_IOU, TOP_K
from base.priors import LAYOUTS, MAP_SIZES, PriorLayout, make_priors
from ssd_utils.boxes import (
    EPSILON,
    VARIANCES,
    Tensor,
    area,
    batched_gather,
    centers_to_corners,
    corners_to_centers,
    decode,
    encode,
    iou,
)
from ssd_utils.matching import NUM_PROPOSALS, POSITIVE_IOU, match
from ssd_utils.suppression import (
    FEW_PRIORS,
    NUM_CANDIDATES,
    candidates,
    detect,
    suppress,
    top_k_detections,
)
