"""torchvision's SSD300 and ours with the same random weights: are they the same?

    python -m benchmarks.accuracy.published

Needs PyTorch and torchvision, which the project itself does not. Writes torchvision's
state file, reads it here, gives both ten images, and prints the greatest difference
of all boxes and scores before suppression, and of the detections after it.
"""

import tempfile
from pathlib import Path

import numpy as np

IMAGES = 10
SPREAD = 4.0  # of the logits: as a trained detector, sure of some things


def main() -> None:
    """Measure and print."""
    import torch

    torchvision = import_torchvision()
    torch.manual_seed(0)
    theirs = torchvision.models.detection.ssd300_vgg16(
        weights=None, weights_backbone=None
    ).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 300, 300, 3), dtype="uint8")
    images[:, 60:200, 80:260] //= 3
    tensors = [torch.from_numpy(i).permute(2, 0, 1) / 255 for i in images]
    seem_trained(theirs, tensors)

    import keras

    from models import build, weights
    from models.weights.arrays import fill
    from ssd_utils import decode, detect, make_priors

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ssd300.pth"
        torch.save(theirs.state_dict(), path)
        published = weights.read_weights(path)
    model = build(published.architecture)
    filled = fill(model, published.stored)
    priors = make_priors(published.architecture.layout)
    ops = keras.ops
    raw = ops.convert_to_tensor(np.concatenate([model(i[None]) for i in images]))
    ours = (
        ops.convert_to_numpy(decode(raw[..., :4], priors)) * 300,
        ops.convert_to_numpy(ops.softmax(raw[..., 4:], axis=-1)),
    )
    print(f"{keras.backend.backend()}, torchvision {torchvision.__version__}: ", end="")
    print(f"{len(filled)} layers filled, {IMAGES} images, {len(priors)} boxes each")
    for name, a, b in zip(
        ("boxes, pixels", "scores"), ours, raw_of(theirs, tensors), strict=True
    ):
        print(f"{name}: greatest difference {np.abs(a - b).max():.1e} of {b.max():.3g}")
    found = ops.convert_to_numpy(detect(raw, priors))
    with torch.no_grad():
        expected = theirs(tensors)
    differences = [compare(*pair) for pair in zip(found, expected, strict=True)]
    counts = [len(row["scores"]) for row in expected]
    print(
        f"detections: {sum(counts)}, all of them the same class in the same order; "
        f"greatest difference {max(differences):.1e}"
    )


def import_torchvision():
    """torchvision without its compiled operations, which need a matching PyTorch."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import torchvision

    def nms(boxes, scores, threshold):
        order = scores.argsort(descending=True, stable=True)
        overlaps = (torchvision.ops.box_iou(boxes, boxes) > threshold).numpy()
        kept, gone = [], np.zeros(len(boxes), bool)
        for at in order.tolist():
            if not gone[at]:
                kept.append(at)
                gone |= overlaps[at]
        return torch.tensor(kept, dtype=torch.int64)

    torchvision.ops.boxes.nms = nms
    return torchvision


def seem_trained(model, tensors) -> None:
    """Offsets and logits as a trained network's: some small, some sure."""
    import torch

    heads = {model.head.regression_head: 1.0, model.head.classification_head: SPREAD}
    with torch.no_grad():
        images, _ = model.transform(tensors[:2])
        maps = list(model.backbone(images.tensors).values())
        for head, spread in heads.items():
            for layer, features in zip(head.module_list, maps, strict=True):
                layer.weight.normal_()
                layer.bias.normal_(std=0.1)
                layer.weight *= spread / layer(features).std()
        for layer in model.head.classification_head.module_list:
            layer.bias[::91] += 5 * SPREAD  # background is what most priors see


def raw_of(model, tensors) -> tuple[np.ndarray, np.ndarray]:
    """All boxes in pixels and scores, before suppression."""
    import torch

    boxes, scores = [], []
    with torch.no_grad():
        for tensor in tensors:
            images, _ = model.transform([tensor])
            maps = list(model.backbone(images.tensors).values())
            out = model.head(maps)
            (anchors,) = model.anchor_generator(images, maps)
            decoded = model.box_coder.decode_single(out["bbox_regression"][0], anchors)
            boxes.append(decoded.numpy())
            scores.append(out["cls_logits"][0].softmax(-1).numpy())
    return np.stack(boxes), np.stack(scores)


def compare(found: np.ndarray, expected: dict) -> float:
    """Greatest difference of boxes (of 0..1) and scores; the classes must agree."""
    count = len(expected["scores"])
    found = found[:count]
    classes = expected["labels"].numpy()
    assert (found[:, 0] == classes).all(), (found[:, 0], classes)
    boxes = expected["boxes"].numpy() / 300
    differences = (found[:, 2:] - boxes, found[:, 1] - expected["scores"].numpy())
    return max(float(np.abs(d).max(initial=0)) for d in differences)


if __name__ == "__main__":
    main()
