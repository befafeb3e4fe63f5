"""Priors of SSD: the boxes that every prediction starts from, as numpy arrays.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325;
"the paper" below.
"""

from dataclasses import dataclass

import numpy as np

from base.constants import IMAGE_SIZE

MAP_SIZES = (38, 19, 10, 5, 3, 1)  # the paper, fig. 2: cells along a side of each map


@dataclass(frozen=True)
class PriorLayout:
    """How the priors of the maps are laid out; lengths are pixels at 300.

    `sizes` holds one more number than there are maps: the last is the last map's max
    size. `max_size` tells for each map whether its cells have the square of
    sqrt(min * max). `clip` is "corners" (boxes cut at the image's border), "sides"
    (width and height at most 1) or "none". `matching` tells which priors learn an
    object: "iou", those of great overlap, or "simota", cells near its centre that find
    it best already; so it names the loss too (models/losses).
    """

    sizes: tuple[int, ...]
    steps: tuple[float, ...] = (8, 16, 32, 64, 100, 300)  # weiliu89/caffe ssd_pascal.py
    # the paper, sec. 3.1
    ratios: tuple[tuple[int, ...], ...] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
    max_size: tuple[bool, ...] = (True,) * 6
    clip: str = "none"
    matching: str = "iou"

    @property
    def priors_per_cell(self) -> tuple[int, ...]:
        """Priors in one cell of each map."""
        maps = zip(self.max_size, self.ratios, strict=True)
        return tuple(1 + has_max + 2 * len(ratios) for has_max, ratios in maps)


VOC_SIZES = (30, 60, 111, 162, 213, 264, 315)
LAYOUTS = {
    # weiliu89/caffe ssd_pascal.py; conv4_3's scale 0.1, then 0.2 to 0.9
    "voc": PriorLayout(VOC_SIZES),
    # amdegroot/ssd.pytorch prior_box.py: the same, sides clipped
    "voc_clipped": PriorLayout(VOC_SIZES, clip="sides"),
    # weiliu89/caffe ssd_coco.py: scales 0.07, then 0.15 to 0.9; sides clipped as in
    # torchvision/models/detection/anchor_utils.py
    "coco": PriorLayout((21, 45, 99, 153, 207, 261, 315), clip="sides"),
    # rykov8/ssd_keras ssd.py, after the first version of the paper
    "legacy": PriorLayout(
        sizes=(30, 60, 114, 168, 222, 276, 330),
        steps=tuple(IMAGE_SIZE / size for size in MAP_SIZES),
        ratios=((2,), *((2, 3),) * 5),
        max_size=(False, *(True,) * 5),
        clip="corners",
    ),
    # Ge et al., "YOLOX", 2021, sec. 2.1: one prediction in each cell of the first three
    # maps. Sides: ours, 4 strides as in Lin et al., "Focal Loss", 2017, sec. 4
    "yolox": PriorLayout(
        sizes=(32, 64, 128, 256),
        steps=(8, 16, 32),
        ratios=((),) * 3,
        max_size=(False,) * 3,
        matching="simota",
    ),
}


def make_priors(layout: str = "voc") -> np.ndarray:
    """Priors of a layout: float32 (P, 4) centers in 0..1, map by map, row by row.

    The order inside a cell is the published one: square of the min size, square of
    sqrt(min * max), then for each ratio the wide and the tall box (the paper,
    sec. 2.2).

    >>> make_priors("voc").shape
    (8732, 4)
    >>> (make_priors("voc")[:2].astype(float) * 300).round(1).tolist()
    [[4.0, 4.0, 30.0, 30.0], [4.0, 4.0, 42.4, 42.4]]
    """
    table = LAYOUTS[layout]
    priors = np.concatenate(
        [_map_priors(table, index) for index in range(len(table.steps))]
    )
    if table.clip == "sides":
        priors[:, 2:] = np.minimum(priors[:, 2:], 1.0)
    if table.clip == "corners":
        halves = priors[:, 2:] / 2
        low, high = priors[:, :2] - halves, priors[:, :2] + halves
        low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        priors = np.concatenate([(low + high) / 2, high - low], axis=1)
    return priors.astype("float32")


def _map_priors(table: PriorLayout, index: int) -> np.ndarray:
    """Centers (cells * priors per cell, 4) in float64 of the map at `index`."""
    small, large = table.sizes[index : index + 2]
    sides = [(small, small)]
    if table.max_size[index]:
        sides.append((np.sqrt(small * large),) * 2)
    for ratio in table.ratios[index]:
        long, short = small * np.sqrt(ratio), small / np.sqrt(ratio)
        sides += [(long, short), (short, long)]
    size = MAP_SIZES[index]
    middles = (np.arange(size) + 0.5) * table.steps[index]
    cy, cx = np.meshgrid(middles, middles, indexing="ij")
    priors = np.empty((size, size, len(sides), 4))
    priors[..., 0] = cx[..., None]
    priors[..., 1] = cy[..., None]
    priors[..., 2:] = sides
    return priors.reshape(-1, 4) / IMAGE_SIZE
