"""The loss that goes with a prior layout, by the layout's way of matching.

- multibox_loss.py: SSD's, with hard negatives
- simota_loss.py: YOLOX's matching, and the loss of what it matches
"""

from collections.abc import Callable

from keras import ops

from models.losses.multibox_loss import multibox_loss
from models.losses.simota_loss import expected_positives, simota_loss
from ssd_utils import LAYOUTS, Tensor, match

# what the losses give for a person to look at
PARTS = ("loss", "box_loss", "class_loss", "acc")


def _matched_positives(truth: Tensor, priors: Tensor) -> Tensor:
    _, positives = match(truth, priors)  # (B, P)
    return ops.sum(ops.cast(positives, "float32"))


LOSSES: dict[str, tuple[Callable, Callable]] = {
    "iou": (multibox_loss, _matched_positives),
    "simota": (simota_loss, expected_positives),
}


def loss_of(layout: str) -> Callable[..., dict[str, Tensor]]:
    """`multibox_loss`, or what a layout has in its place, of the same arguments."""
    return LOSSES[LAYOUTS[layout].matching][0]


def normaliser_of(layout: str) -> Callable[[Tensor, Tensor], Tensor]:
    """(truth (B, M, 5) float32, priors (P, 4)) -> what that loss is divided by."""
    return LOSSES[LAYOUTS[layout].matching][1]
