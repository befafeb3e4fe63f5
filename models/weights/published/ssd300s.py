"""Published detectors, read into `ssd300` without their frameworks, known by content.

All of them are the paper's network; they differ in the names of the layers, the order
of a kernel's axes, the priors and what they subtract from an image.
"""

import re
from dataclasses import dataclass

import numpy as np

from base.errors import UserError
from models import Architecture
from models.necks.ssd import BLOCKS, EXTRAS, PAPER_TAIL, SOURCES
from models.ssd300 import LAYERS
from models.weights.arrays import Arrays
from models.weights.metadata import ModelMetadata
from models.weights.published.class_names import numbered
from ssd_utils import LAYOUTS

CONVOLUTIONS = [  # of the paper's network, in order
    row.name
    for row in LAYERS + BLOCKS + EXTRAS + PAPER_TAIL
    if row.name.startswith(("conv", "fc"))
]
HEADS = ("conv4_3_norm", *SOURCES[1:], "conv9_2")


@dataclass(frozen=True)
class StateDict:
    """How a PyTorch SSD300 names its layers: patterns, heads by number.

    marker: a name that no other has.
    """

    marker: str
    convolutions: str
    norm: str
    offsets: str
    logits: str
    layout: str
    preprocessing: str


STATE_DICTS = {
    "torchvision": StateDict(  # torchvision/models/detection/ssd.py
        marker="backbone.scale_weight",
        convolutions=r"backbone\.(features|extra)\.",
        norm="backbone.scale_weight",
        offsets="head.regression_head.module_list.{}",
        logits="head.classification_head.module_list.{}",
        layout="coco",
        preprocessing="torchvision",
    ),
    "amdegroot": StateDict(  # amdegroot/ssd.pytorch ssd.py
        marker="L2Norm.weight",
        convolutions=r"(vgg|extras)\.",
        norm="L2Norm.weight",
        offsets="loc.{}",
        logits="conf.{}",
        layout="voc_clipped",
        preprocessing="ssd_rgb",
    ),
}

# origin, plain arrays by layer name, metadata
Published = tuple[str, Arrays, ModelMetadata]


def is_detector(arrays: Arrays) -> bool:
    """Whether a Keras file's layers are an SSD300's."""
    first_head = rf"{HEADS[0]}_mbox_conf(_\d+)?"
    return any(re.fullmatch(first_head, name) for name in arrays)


def from_keras(arrays: Arrays, path: str) -> Published:
    """rykov8's and pierluigiferrari's: names as ours, class counts behind some."""
    is_legacy = any(name.startswith("pool6_mbox") for name in arrays)
    renamed = {}
    for name, values in arrays.items():
        name = re.sub(r"_mbox_(loc|conf)(_flat)?(_\d+)?$", r"_mbox_\1", name)
        if "_mbox_" in name and name.endswith(("loc", "conf")) and len(values) != 2:
            found = f"{name} has {len(values)} arrays"
            raise UserError(f"{path}: {found}, expected kernel and bias.")
        if name.startswith("pool6_mbox"):  # dense on a mean over the map
            kernel, bias = values
            values = [kernel[None, None], bias]
        renamed[name] = values
    if is_legacy:
        return _published("rykov8", renamed, "legacy", None)
    return _published("pierluigiferrari", renamed, "voc", "ssd")


def from_state(tensors: dict[str, np.ndarray], path: str) -> Published:
    """torchvision's and amdegroot's; UserError where a state is of no known SSD300."""
    for origin, names in STATE_DICTS.items():
        if names.marker in tensors:
            arrays = _rename(tensors, names, path)
            return _published(origin, arrays, names.layout, names.preprocessing)
    raise UserError(
        f"{path}: a PyTorch state file, but of no SSD300 that is known "
        f"({', '.join(STATE_DICTS)}); it begins with {', '.join(list(tensors)[:3])}."
    )


def _rename(tensors: dict[str, np.ndarray], names: StateDict, path: str) -> Arrays:
    """PyTorch's layers by our names, kernels (h, w, channels, filters)."""
    kernels = (n for n, t in tensors.items() if n.endswith(".weight") and t.ndim == 4)
    stems = [n[: -len(".weight")] for n in kernels if re.match(names.convolutions, n)]
    if len(stems) != len(CONVOLUTIONS):
        raise UserError(
            f"{path}: expected {len(CONVOLUTIONS)} convolutions before the heads, "
            f"received {len(stems)}."
        )
    ours = dict(zip(CONVOLUTIONS, stems, strict=True))
    for number, source in enumerate(HEADS):
        ours[f"{source}_mbox_loc"] = names.offsets.format(number)
        ours[f"{source}_mbox_conf"] = names.logits.format(number)
    arrays = {name: _convolution(tensors, stem, path) for name, stem in ours.items()}
    return {**arrays, HEADS[0]: [tensors[names.norm].astype("float32")]}


def _convolution(
    tensors: dict[str, np.ndarray], stem: str, path: str
) -> list[np.ndarray]:
    """Kernel (h, w, channels, filters) and bias of a PyTorch layer."""
    for name in (f"{stem}.weight", f"{stem}.bias"):
        if name not in tensors:
            raise UserError(f"{path}: it has no {name}.")
    kernel, bias = tensors[f"{stem}.weight"], tensors[f"{stem}.bias"]
    if kernel.ndim != 4:
        found = f"{stem}.weight has shape {kernel.shape}"
        raise UserError(f"{path}: {found}, no convolution's.")
    return [kernel.transpose(2, 3, 1, 0).astype("float32"), bias.astype("float32")]


def _published(
    origin: str, arrays: Arrays, layout: str, preprocessing: str | None
) -> Published:
    count = LAYOUTS[layout].priors_per_cell[0]
    num_classes = arrays[f"{HEADS[0]}_mbox_conf"][1].size // count
    form = {"norm": "none", "layout": layout, "preprocessing": preprocessing}
    architecture = Architecture("ssd300", num_classes, **form)
    licence = f"{origin}'s weights: see there."
    metadata = ModelMetadata(architecture, numbered(num_classes), licence=licence)
    return origin, arrays, metadata
