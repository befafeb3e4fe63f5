"""SSD's data augmentation (SSD paper, sec. 2.2 and 3.6; weiliu89/caffe).

A crop and an expansion are the same thing, a *window*: xmin, ymin, xmax, ymax in
units of the image; what lies outside 0..1 is filled with the mean. So geometry
is settled first and the pixels are touched once, when the window is resized.
Caffe distorts colours before it cuts; they are distorted per pixel, so doing it on
the 300x300 that remain is nearly the same at a fraction of the work.

truth: (M, 5) float32 in 0..1 as in `dataset.py`. Every function returns new arrays.
"""

from collections.abc import Callable

import cv2
import numpy as np

from base.boxes import iou

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])  # the window that is the image itself
PROBABILITY = 0.5  # ssd_pascal.py: of each distortion, of expansion and of mirroring
BRIGHTNESS = 32  # ssd_pascal.py: brightness_delta
CONTRAST = (0.5, 1.5)  # ssd_pascal.py: contrast_lower, contrast_upper
SATURATION = (0.5, 1.5)  # ssd_pascal.py: saturation_lower, saturation_upper
HUE = 18  # ssd_pascal.py: hue_delta, in OpenCV's half degrees
MAX_EXPANSION = 4.0  # ssd_pascal.py: max_expand_ratio
MEAN = (123, 117, 104)  # ssd_pascal.py: mean_value, here in RGB
# ssd_pascal.py, batch_sampler: the whole image, five least overlaps with an
# object, and a patch under no condition (max_jaccard_overlap 1).
MIN_IOUS = (None, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
TRIALS = 50  # ssd_pascal.py: max_trials
SCALE = (0.3, 1.0)  # ssd_pascal.py: min_scale, max_scale
ASPECT_RATIO = (0.5, 2.0)  # ssd_pascal.py: min_aspect_ratio, max_aspect_ratio
INTERPOLATIONS = (  # ssd_pascal.py: interp_mode
    cv2.INTER_LINEAR,
    cv2.INTER_AREA,
    cv2.INTER_NEAREST,
    cv2.INTER_CUBIC,
    cv2.INTER_LANCZOS4,
)
AREA_FROM = 2  # ours: linear interpolation skips pixels when shrinking by more

Result = tuple[np.ndarray, np.ndarray]


def augment(
    image: np.ndarray, truth: np.ndarray, rng: np.random.Generator, size: int = 300
) -> Result:
    """The whole recipe: uint8 (H, W, 3) RGB and truth -> (size, size, 3) and truth."""
    window = expand(WHOLE, rng)
    window = min_iou_crop(window, truth, rng)
    window = whole_pixels(window, image.shape)
    interpolation = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    part = photometric(_shown(image, window, size, interpolation), rng)
    image = _in_mean(part, window, size)  # (size, size, 3)
    truth = truth_in_window(truth, window)  # (M or fewer, 5)
    return mirror(image, truth, rng)


def resize(image: np.ndarray, truth: np.ndarray, size: int = 300) -> Result:
    """Only the resize, for evaluation; the aspect ratio is not kept, as in SSD."""
    shrinks = min(image.shape[:2]) >= AREA_FROM * size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    image = cv2.resize(image, (size, size), interpolation=interpolation)
    return image, truth.copy()


def expand(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half the time a window up to 4 times as wide and high around the given one."""
    if rng.random() >= PROBABILITY:
        return window.copy()
    ratio = rng.uniform(1, MAX_EXPANSION)
    size = window[2:] - window[:2]
    corner = window[:2] - rng.uniform(0, 1, 2) * (ratio - 1) * size
    return np.concatenate([corner, corner + ratio * size])


def min_iou_crop(
    window: np.ndarray, truth: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A window in the window, after a condition drawn from MIN_IOUS.

    At least one object overlaps it by that much, and at least one has its centre
    in it. Caffe samples for every condition and draws one of the successes, which
    is the first success in random order. Without objects nothing is cropped.
    """
    if not len(truth):
        return window.copy()
    for choice in rng.permutation(len(MIN_IOUS)):
        min_iou = MIN_IOUS[choice]
        if min_iou is None:
            return window.copy()
        crops = _sample_crops(window, rng)  # (TRIALS, 4)
        fits = iou(crops[:, None], truth[:, :4]).max(axis=1) >= min_iou  # (TRIALS,)
        fits &= _centers_inside(crops, truth).any(axis=1)
        if fits.any():
            return crops[fits.argmax()]
    raise AssertionError("MIN_IOUS holds None, which always fits")


def _sample_crops(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(TRIALS, 4) windows in a window (weiliu89/caffe sampler.cpp, SampleBBox)."""
    scales = rng.uniform(*SCALE, TRIALS)
    narrowest = np.maximum(ASPECT_RATIO[0], scales**2)
    widest = np.minimum(ASPECT_RATIO[1], 1 / scales**2)
    roots = np.sqrt(rng.uniform(narrowest, widest))
    sizes = np.stack([scales * roots, scales / roots], axis=1)  # (TRIALS, 2)
    corners = rng.uniform(0, 1, (TRIALS, 2)) * (1 - sizes)
    crops = np.concatenate([corners, corners + sizes], axis=1)  # (TRIALS, 4)
    span = window[2:] - window[:2]
    return np.tile(window[:2], 2) + crops * np.tile(span, 2)


def _centers_inside(windows: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., M) whether the centres of boxes lie in windows (..., 4)."""
    centers = (truth[:, :2] + truth[:, 2:4]) / 2  # (M, 2)
    low, high = windows[..., None, :2], windows[..., None, 2:]
    return ((centers > low) & (centers < high)).all(axis=-1)


def whole_pixels(window: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The window moved to the edges of pixels, at least one pixel of the image."""
    side = np.array([shape[1], shape[0]], float)  # width, height
    low = np.minimum(np.round(window[:2] * side), side - 1)
    high = np.maximum(np.round(window[2:] * side), np.maximum(low, 0) + 1)
    return np.concatenate([low / side, high / side])


def truth_in_window(truth: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Boxes whose centre lies in the window, in its units, cut at its edges."""
    truth = truth[_centers_inside(window, truth)]  # (M or fewer, 5)
    low, size = window[:2], window[2:] - window[:2]
    boxes = (truth[:, :4] - np.tile(low, 2)) / np.tile(size, 2)
    boxes = np.clip(boxes, 0, 1)
    return np.concatenate([boxes, truth[:, 4:]], axis=1).astype(np.float32)


def _shown(
    image: np.ndarray, window: np.ndarray, size: int, interpolation: int
) -> np.ndarray:
    """The image in the window, as large as it is in the taken one: (h, w, 3).

    The window lies on edges of pixels (`whole_pixels`) and meets the image.
    """
    height, width = image.shape[:2]
    pixels = np.round(window * (width, height, width, height)).astype(int)
    x0, y0 = np.maximum(pixels[:2], 0)
    x1, y1 = np.minimum(pixels[2:], (width, height))
    left, top, right, bottom = _inside(window, size)
    side = right - left, bottom - top
    return cv2.resize(image[y0:y1, x0:x1], side, interpolation=interpolation)


def _in_mean(part: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3): what is shown, in its place, and the mean around it."""
    left, top, right, bottom = _inside(window, size)
    border = top, size - bottom, left, size - right
    if not any(border):
        return part
    return cv2.copyMakeBorder(part, *border, cv2.BORDER_CONSTANT, value=MEAN)


def _inside(window: np.ndarray, size: int) -> tuple[int, int, int, int]:
    """Edges of the image in the taken window, in its pixels, never empty."""
    scale = size / (window[2:] - window[:2])
    low = np.clip(np.round(-window[:2] * scale), 0, size - 1).astype(int)
    high = np.clip(np.round((1 - window[:2]) * scale), low + 1, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def photometric(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation, hue, each half the time (Caffe's two orders).

    Brightness and contrast work in uint8 by one lookup table, as do saturation
    and hue in HSV; each step saturates at 0 and 255 as Caffe's does.
    """
    brightness = rng.uniform(-BRIGHTNESS, BRIGHTNESS) if _chance(rng) else 0.0
    contrast = rng.uniform(*CONTRAST) if _chance(rng) else 1.0
    saturation = rng.uniform(*SATURATION) if _chance(rng) else 1.0
    hue = rng.uniform(-HUE, HUE) if _chance(rng) else 0.0
    if _chance(rng):
        image = _lookup(image, lambda x: _saturate(x + brightness) * contrast)
        image = _shift_colours(image, saturation, hue)
    else:
        image = _lookup(image, lambda x: x + brightness)
        image = _shift_colours(image, saturation, hue)
        image = _lookup(image, lambda x: x * contrast)
    rng.random()  # drawn since ever: runs resume with the same batches
    return image


def _chance(rng: np.random.Generator) -> bool:
    return bool(rng.random() < PROBABILITY)


def _saturate(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255)


def _lookup(
    image: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    table = _saturate(change(np.arange(256.0))).astype(np.uint8)
    return cv2.LUT(image, table)


def _shift_colours(image: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    if saturation == 1.0 and hue == 0.0:
        return image
    values = np.arange(256.0)
    tables = np.stack([values, values, values], axis=-1)  # (256, 3): H, S, V
    tables[:, 0] = np.round(values + hue) % 180  # OpenCV's hue: 0..179
    tables[:, 1] = _saturate(values * saturation)
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), tables.astype(np.uint8)[None])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def mirror(image: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> Result:
    """Left and right exchanged, half the time."""
    if rng.random() >= PROBABILITY:
        return image.copy(), truth.copy()
    truth = truth.copy()
    truth[:, [0, 2]] = 1 - truth[:, [2, 0]]
    return cv2.flip(image, 1), truth
