"""Images of the drawn set: six kinds of shapes on textured backgrounds.

Everything is drawn from one random generator, so a seed gives the same image on
every machine with the same OpenCV and numpy.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

CLASS_NAMES = ("circle", "cross", "ring", "square", "star", "triangle")  # ours, sorted
SIDES_PX = (300, 501)  # ours: around the network's input, not square
OBJECTS = (1, 8)  # ours: 1 to 7 an image, VOC's mean is 2.5
OBJECT_PX = (20, 200)  # ours: SSD's smallest and middle priors
TINY_PX = (12, 20)  # ours: below conv4_3's smallest prior, marked difficult
TINY_SHARE = 0.04  # ours: of the objects
FAINT_SHARE = 0.04  # ours: of the objects, drawn nearly in the background's colour
MIN_CONTRAST = 70  # ours: distance in RGB below which an object is called faint
MAX_COVER = 0.35  # ours: how much a new object may hide of one before
COVER_SHARE = 0.06  # ours: of the objects are let cover more than that
HIDDEN_DIFFICULT = 0.7  # ours: hidden share from which an object is difficult
HIDDEN_DROPPED = 0.95  # ours: hidden share from which it isn't there
INSIDE = 0.45  # ours: least share of an object inside the image
PLACE_TRIALS = 20  # ours: then the object is given up
LARGE_WH = (3000, 2000)  # ours: the 6 megapixels of a small camera
LARGE_OBJECTS = (30, 51)  # ours: 30 to 50 an image
LARGE_OBJECT_PX = (20, 60)  # ours: shrunk to 300 pixels they'd be 2 to 9 pixels
CELL_PX = 125  # ours: one object at most in each square of this side
SHIFT = 4  # cv2.fillPoly: fractional bits of its coordinates
TINT = 18  # ours: how far the background is from grey; objects are colourful
# ours: each kind has a favourite hue, six of seven wear it, more or less: what can be
# learned from nothing within five minutes needs more to go by than the outline
FAVOURITE_SHARE = 6 / 7
HUE_SPREAD = 24  # ours: degrees, at most, from the favourite
NOISE = (2.0, 9.0)  # ours: standard deviation of the camera's noise


class Drawn(NamedTuple):
    """One object: box_px counts from 0, xmax and ymax behind the last pixel."""

    name: str
    box_px: tuple[int, int, int, int]
    difficult: bool
    truncated: bool


class _Object(NamedTuple):
    name: str
    mask: np.ndarray  # (H, W) uint8 coverage 0..255
    poor: bool  # tiny or faint
    num_pixels: float  # of the whole shape, also outside the image


def draw_image(rng: np.random.Generator) -> tuple[np.ndarray, list[Drawn]]:
    """One image, uint8 (H, W, 3) RGB, and its objects."""
    height, width = (int(side) for side in rng.integers(*SIDES_PX, 2))
    image = _background(height, width, rng)  # (H, W, 3) float32
    objects: list[_Object] = []
    for _ in range(rng.integers(*OBJECTS)):
        placed = _place(image, objects, rng)
        if placed is not None:
            objects.append(placed)
    return _photograph(image, rng), _describe(objects)


def draw_large(rng: np.random.Generator) -> tuple[np.ndarray, list[Drawn]]:
    """An image of LARGE_WH with small objects, none of them hidden or cut."""
    width, height = LARGE_WH
    image = _background(height, width, rng)  # (H, W, 3) float32
    columns, rows = width // CELL_PX, height // CELL_PX
    number = rng.integers(*LARGE_OBJECTS)
    objects = []
    for cell in rng.choice(columns * rows, number, replace=False):
        x, y = cell % columns * CELL_PX, cell // columns * CELL_PX
        name = CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
        part = image[y : y + CELL_PX, x : x + CELL_PX]
        mask = _whole_mask(name, rng.uniform(*LARGE_OBJECT_PX), rng)
        faint = _paint(part, mask, name, rng)
        left, top, wide, high = cv2.boundingRect((mask > 127).astype(np.uint8))
        box_px = (x + left, y + top, x + left + wide, y + top + high)
        objects.append(Drawn(name, tuple(int(e) for e in box_px), faint, False))
    return _photograph(image, rng), objects


def _whole_mask(name: str, size: float, rng: np.random.Generator) -> np.ndarray:
    """(CELL_PX, CELL_PX) coverage of a shape that lies within."""
    while True:
        mask, num_pixels = _mask(name, size, (CELL_PX, CELL_PX), rng)
        if mask.sum() / 255 >= 0.99 * num_pixels:
            return mask


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8: what a camera makes of a drawn (H, W, 3) float32."""
    image = _lighting(image, rng)
    image += rng.standard_normal(image.shape, np.float32) * rng.uniform(*NOISE)
    return np.clip(image, 0, 255).astype(np.uint8)


def _background(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32: two colours mixed by a pattern, with soft grain."""
    patterns = (_gradient, _stripes, _blobs, _checks)
    pattern = patterns[rng.integers(len(patterns))](height, width, rng)[..., None]
    first = rng.uniform(40, 210) + rng.uniform(-TINT, TINT, 3).astype(np.float32)
    change = rng.uniform(-55, 55) + rng.uniform(-TINT, TINT, 3).astype(np.float32)
    image = first + pattern * change  # (H, W, 3)
    image += (_blobs(height, width, rng)[..., None] - 0.5) * rng.uniform(0, 40)
    return image


def _grid(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32: the distance in pixels along a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return xs * math.cos(angle) + ys * math.sin(angle)


def _gradient(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    along = _grid(height, width, rng)
    return (along - along.min()) / (np.ptp(along) + 1)


def _stripes(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    period = rng.uniform(14, 60)
    waves = np.sin(_grid(height, width, rng) * (2 * math.pi / period))
    return np.clip(waves * rng.uniform(0.6, 3) + 0.5, 0, 1)


def _blobs(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(4, 24)
    noise = rng.random((coarse, coarse), np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def _checks(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    period = rng.uniform(25, 80)
    first = np.sin(_grid(height, width, rng) * (2 * math.pi / period))
    second = np.sin(_grid(height, width, rng) * (2 * math.pi / period))
    return np.clip(first * second * 2 + 0.5, 0, 1)


def _place(
    image: np.ndarray, before: list[_Object], rng: np.random.Generator
) -> _Object | None:
    """Draws one more object into image where it hides little of those before."""
    tiny = rng.random() < TINY_SHARE
    low, high = TINY_PX if tiny else OBJECT_PX
    max_cover = 1.0 if rng.random() < COVER_SHARE else MAX_COVER
    for _ in range(PLACE_TRIALS):
        size = rng.uniform(low, high)
        name = CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
        mask, num_pixels = _mask(name, size, image.shape[:2], rng)
        num_inside = mask.sum() / 255
        if num_inside < INSIDE * num_pixels:
            continue
        if any(_share_hidden(other, [mask]) > max_cover for other in before):
            continue
        faint = _paint(image, mask, name, rng)
        cut = num_inside < 0.99 * num_pixels
        return _Object(name, mask, tiny or faint, num_pixels if cut else num_inside)
    return None


def _mask(
    name: str, size: float, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """(H, W) coverage of a shape at a random place, and its whole area in pixels."""
    rings = _outline(name)
    angle = rng.uniform(0, 2 * math.pi)
    stretch = rng.uniform(0.8, 1.25)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    center = rng.uniform(0, 1, 2) * (shape[1], shape[0])
    scale = np.array([stretch, 1 / stretch]) * size / 2
    rings = [(ring * scale) @ turn.T + center for ring in rings]
    mask = np.zeros(shape, np.uint8)
    points = [np.round(ring * 2**SHIFT).astype(np.int32) for ring in rings]
    cv2.fillPoly(mask, points, 255, cv2.LINE_AA, SHIFT)
    areas = [cv2.contourArea(ring.astype(np.float32)) for ring in rings]
    return mask, areas[0] - sum(areas[1:])


def _outline(name: str) -> list[np.ndarray]:
    """Polygons (N, 2) within the unit circle; the second one is a hole."""
    if name == "square":
        return [_polygon(4)]
    if name == "triangle":
        return [_polygon(3)]
    if name == "star":
        return [_polygon(10) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None]]
    if name == "cross":
        a = 0.3  # half the width of an arm; 1 is its reach
        arms = [np.array([[a, a], [a, 1], [-a, 1]])]
        for _ in range(3):
            arms.append(arms[-1] @ np.array([[0, 1], [-1, 0]]))  # a quarter turn
        return [np.concatenate(arms)]
    if name == "ring":
        return [_polygon(60), _polygon(60) * 0.6]
    return [_polygon(60)]


def _polygon(corners: int) -> np.ndarray:
    angles = np.arange(corners) * (2 * math.pi / corners)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (corners, 2)


def _paint(
    image: np.ndarray, mask: np.ndarray, name: str, rng: np.random.Generator
) -> bool:
    """Paints a mask in a colour with shading; whether it is hard to see."""
    x, y, width, height = cv2.boundingRect(mask)
    part = np.s_[y : y + height, x : x + width]
    mask, behind = mask[part], image[part]
    mean = behind[mask > 0].mean(axis=0)
    faint = bool(rng.random() < FAINT_SHARE)
    color = mean + rng.uniform(-25, 25, 3)
    while not faint and np.linalg.norm(color - mean) < MIN_CONTRAST:
        color = _colour(name, rng)
    light = _gradient(height, width, rng)[..., None] - 0.5
    shade = color.astype(np.float32) * (1 + light * rng.uniform(0, 0.7))
    behind += (shade - behind) * (mask / np.float32(255))[..., None]  # into image
    return faint


def _colour(name: str, rng: np.random.Generator) -> np.ndarray:
    """(3,) RGB, 0..255: a saturated colour, mostly of the kind's favourite hue."""
    hue = CLASS_NAMES.index(name) * 360 / len(CLASS_NAMES)
    hue += rng.uniform(-HUE_SPREAD, HUE_SPREAD)
    if rng.random() > FAVOURITE_SHARE:
        hue = rng.uniform(0, 360)
    hsv = np.float32([[[hue % 360, rng.uniform(0.6, 1), rng.uniform(0.35, 1)]]])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] * 255


def _lighting(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, and a weaker or stronger contrast."""
    light = 1 + (_gradient(*image.shape[:2], rng)[..., None] - 0.5) * rng.uniform(0, 1)
    contrast = rng.uniform(0.75, 1.2)
    return (image * light - 128) * contrast + 128  # float32


def _share_hidden(item: _Object, above: list[np.ndarray]) -> float:
    """Which share of an object's pixels in the image later masks cover."""
    own = item.mask > 127
    hidden = np.zeros_like(own)
    for mask in above:
        hidden |= mask > 127
    return float((own & hidden).sum() / max(own.sum(), 1))


def _describe(objects: list[_Object]) -> list[Drawn]:
    """What can be seen of each object, from the first drawn to the last."""
    drawn = []
    for i, item in enumerate(objects):
        above = [later.mask for later in objects[i + 1 :]]
        hidden = _share_hidden(item, above)
        if hidden >= HIDDEN_DROPPED:
            continue
        seen = item.mask > 127
        for mask in above:
            seen &= mask <= 127
        ys, xs = np.nonzero(seen)
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        truncated = item.mask.sum() / 255 < 0.99 * item.num_pixels
        difficult = item.poor or hidden > HIDDEN_DIFFICULT
        box_px = tuple(int(edge) for edge in box)
        drawn.append(Drawn(item.name, box_px, difficult, bool(truncated)))
    return drawn
