"""torchvision's SSDs, in the settings that they can have on a processor.

pip install torch torchvision   # no part of this project's requirements"""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from functools import cache
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from base.constants import MIN_SCORE

if TYPE_CHECKING:
    import torch

# torchvision, references/detection: --lr, --momentum, --weight-decay of SSD300's recipe
SGD = {"lr": 0.002, "momentum": 0.9, "weight_decay": 5e-4}


class TorchvisionSSD:
    """ssd300_vgg16 or ssdlite320_mobilenet_v3_large, from scratch.

    is_last: channels last in memory; is_half: bfloat16; is_compiled: network and heads
    by torch.compile, which wants a C++ compiler. Classes count the background.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        is_last: bool = False,
        is_half: bool = False,
        is_compiled: bool = False,
        threshold: float = MIN_SCORE,
    ) -> None:
        import torch

        make = getattr(import_torchvision().models.detection, name)
        model = make(
            weights=None,
            weights_backbone=None,
            num_classes=num_classes,
            score_thresh=threshold,  # ssdlite's own would be 0.001
        )
        layout = torch.channels_last if is_last else torch.contiguous_format
        self.model, self.is_half = model.to(memory_format=layout), is_half
        if is_compiled:
            # when it detects, weights stay in the order that kernels want
            torch._inductor.config.freezing = True
            self.model.backbone = torch.compile(self.model.backbone)
            self.model.head = torch.compile(self.model.head)
        self.optimiser = torch.optim.SGD(self.model.parameters(), **SGD)

    def step(self, images: np.ndarray, truth: np.ndarray) -> float:
        """Update the weights; the loss.

        Of images uint8 (B, 300, 300, 3) and truth (B, M, 5), as data.Batches has them.
        """
        self.model.train()
        samples = [_image(image) for image in images]
        targets = [_target(rows[rows[:, 4] > 0]) for rows in truth]
        self.optimiser.zero_grad()
        with _precision(self.is_half):
            loss = sum(self.model(samples, targets).values())
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def detect(self, images: Iterable[np.ndarray]) -> list[np.ndarray]:
        """Detections (K, 6) of each image uint8 (H, W, 3), which may be of any size.

        Class, score, corners in 0..1, as evaluation.evaluate_voc takes them.
        """
        import torch

        self.model.eval()
        with torch.inference_mode(), _precision(self.is_half):
            found = self.model([_image(image) for image in images])
        rows = []
        for image, objects in zip(images, found, strict=True):
            height, width = image.shape[:2]
            boxes = objects["boxes"].float().numpy() / (width, height, width, height)
            columns = (objects["labels"].numpy(), objects["scores"].float().numpy())
            rows.append(np.column_stack([*columns, boxes]))
        return rows


def in_every_setting(
    name: str, num_classes: int, has_half: bool, threshold: float = MIN_SCORE
) -> dict[str, TorchvisionSSD]:
    """By what a table calls them; bfloat16 where the processor is quick at it."""
    settings = product((False, True), sorted({False, has_half}), (False, True))
    return {
        f"{name}, {'bfloat16' if is_half else 'float32'}"
        + ", channels last" * is_last
        + ", compiled" * is_compiled: TorchvisionSSD(
            name, num_classes, is_last, is_half, is_compiled, threshold
        )
        for is_compiled, is_half, is_last in settings
    }


def _precision(is_half: bool) -> Any:
    import torch

    return torch.autocast("cpu", torch.bfloat16) if is_half else nullcontext()


def _image(image: np.ndarray) -> "torch.Tensor":
    import torch

    return torch.from_numpy(image).permute(2, 0, 1).float().div(255)


def _target(rows: np.ndarray) -> dict[str, "torch.Tensor"]:
    import torch

    return {
        "boxes": torch.from_numpy(rows[:, :4] * 300.0),
        "labels": torch.from_numpy(rows[:, 4].astype(np.int64)),
    }


@cache
def import_torchvision() -> ModuleType:
    """torchvision, with all cores; non-maximum suppression is OpenCV's where need be.

    Compiled operations of its wheel do not load beside each build of PyTorch; the two
    that its Python code names when it is imported are declared then.
    """
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    try:
        import torchvision
    except RuntimeError:  # operator torchvision::nms does not exist
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        library.define("qnms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        library.impl("nms", _suppress, "CPU")
        import torchvision

        torchvision.ops.boxes._assert_has_ops = lambda: None
        torchvision.declared = library  # operations live as long as it
    return torchvision


def _suppress(
    boxes: "torch.Tensor", scores: "torch.Tensor", threshold: float
) -> "torch.Tensor":
    """Indices of the boxes (N, 4) kept, best first."""
    import torch

    corners = boxes.double().numpy()
    sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(sides, scores.double().numpy(), 0.0, threshold)
    return torch.as_tensor(np.array(kept, np.int64).ravel())
