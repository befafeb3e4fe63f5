"""Images with boxes, for people to look at.

Images are uint8 (H, W, 3) RGB throughout; text is set by Pillow in DejaVu Sans, which
comes with matplotlib and knows far more letters than OpenCV's built-in strokes.
"""

import colorsys
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from base.boxes import to_whole_pixels
from base.errors import UserError
from base.files import write_bytes
from reports.image_encoding import encode_image

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# ours: 12 colours far apart on photographs, bright enough for a thin line
COLOURS: tuple[Colour, ...] = (
    *((255, 196, 0), (0, 114, 255), (0, 200, 83), (240, 50, 230), (255, 87, 34)),
    *((0, 229, 255), (170, 0, 255), (198, 255, 0), (255, 23, 68), (0, 150, 136)),
    *((255, 145, 200), (141, 85, 36)),
)
GOLDEN_RATIO = 0.618034  # turns the hue so that neighbours never look alike
OUTLINE: Colour = (20, 20, 20)  # ours: keeps a bright line visible on white
LINE_SHARE = 0.0035  # ours: width of a line / mean side of the image
FONT_SHARE = 0.025  # ours: height of the letters / mean side of the image
MAX_SIDES = 16  # ours: median boxes along a side; beyond it lines and letters shrink
MIN_FONT, MAX_FONT = 10, 64  # pixels, ours: smaller can't be read
MAX_LABEL = 0.25  # ours: a label higher than this share would hide a tiny image
MIN_PANEL = 320  # pixels, ours: shorter side to which small images are enlarged
MAX_PANEL = 4096  # pixels, ours: longer side, beyond which none is enlarged
GAP = 8  # pixels, ours: between images put side by side
PAPER: Colour = (250, 250, 250)  # ours: ground of sheets and captions
JPEG_QUALITY = 90  # ours: no visible loss around letters
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")  # what write_image writes


def class_colour(class_id: int) -> Colour:
    """RGB of a class, the same in every image and run; class 1 is the first.

    >>> class_colour(1)
    (255, 196, 0)
    """
    position = int(class_id) - 1
    if 0 <= position < len(COLOURS):
        return COLOURS[position]
    hue = (position * GOLDEN_RATIO) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, (0.95, 0.7)[position % 2])
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: Sequence[str],
    class_ids: Sequence[int],
) -> np.ndarray:
    """A new image of the same size with a box and a label for each row.

    `image` uint8 (H, W, 3) RGB; `boxes` (N, 4) corners in 0..1; `labels` and
    `class_ids` have N entries; an empty label is not drawn, nor one that is wider than
    the image or would hide a quarter of its height. The first row lies on top.

    >>> image = np.zeros((60, 80, 3), np.uint8)
    >>> draw_boxes(image, np.zeros((0, 4)), [], []).shape
    (60, 80, 3)
    """
    assert len(boxes) == len(labels) == len(class_ids), "one label and class per box"
    height, width = image.shape[:2]
    corners = _to_pixels(np.asarray(boxes), width, height)  # (N, 4) int
    side = min((height + width) / 2, MAX_SIDES * _median_side(corners))
    line = math.ceil(LINE_SHARE * side)
    canvas = np.ascontiguousarray(image).copy()
    order = range(len(labels))[::-1]
    for i in order:
        _draw_rectangle(canvas, corners[i], class_colour(class_ids[i]), line)
    font = _font(round(np.clip(FONT_SHARE * side, MIN_FONT, MAX_FONT)))
    sample = Image.fromarray(canvas)
    pen = ImageDraw.Draw(sample)
    taken: list[Rectangle] = []
    pairs = zip(corners, labels, strict=True)
    places = [_place(*pair, font, sample.size, taken) for pair in pairs]
    for i in (i for i in order if places[i] is not None):
        left, top, right, bottom = places[i]
        colour = class_colour(class_ids[i])
        pen.rectangle((left, top, right - 1, bottom - 1), fill=colour)
        look = {"fill": _text_colour(colour), "font": font, "anchor": "mm"}
        pen.text(((left + right) / 2, (top + bottom) / 2), labels[i], **look)
    return np.asarray(sample).copy()


def draw_detections(
    image: np.ndarray, detections: np.ndarray, class_names: Sequence[str]
) -> np.ndarray:
    """A new image with box, class and score of each of the detections (N, 6)."""
    class_ids = detections[:, 0].astype(int)
    pairs = zip(class_ids, detections[:, 1], strict=True)
    labels = [f"{class_names[i - 1]} {score:.2f}" for i, score in pairs]
    return draw_boxes(image, detections[:, 2:], labels, class_ids)


def draw_truth_and_detections(
    image: np.ndarray,
    truth: np.ndarray,
    detections: np.ndarray,
    class_names: Sequence[str],
    threshold: float,
) -> np.ndarray:
    """A new image: the image with its truth on the left, what was detected right.

    `truth` (M, 5) and `detections` (K, 6) as in evaluation; rows of class 0 and scores
    below `threshold` are not drawn. Small images are enlarged until labels fit.
    """
    image = _enlarge(image)
    truth = truth[truth[:, 4] > 0]
    found = detections[(detections[:, 0] > 0) & (detections[:, 1] >= threshold)]
    found = found[np.argsort(-found[:, 1], kind="stable")]
    true_ids = truth[:, 4].astype(int)
    true_labels = [class_names[i - 1] for i in true_ids]
    left = draw_boxes(image, truth[:, :4], true_labels, true_ids)
    right = draw_detections(image, found, class_names)
    return contact_sheet([_caption(left, "truth"), _caption(right, "detected")], 2)


def contact_sheet(images: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """One image with all `images` (uint8 (H, W, 3) RGB, any sizes) in rows.

    Every cell is as large as the largest image; smaller ones stand centred.

    >>> contact_sheet([np.zeros((10, 20, 3), np.uint8)] * 3, columns=2).shape
    (44, 64, 3)
    """
    if not images or columns < 1:
        raise UserError(
            "Expected at least one image and one column. Received: "
            f"{len(images)} images, columns={columns}"
        )
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    high = max(image.shape[0] for image in images)
    wide = max(image.shape[1] for image in images)
    shape = (rows * (high + GAP) + GAP, columns * (wide + GAP) + GAP, 3)
    sheet = np.full(shape, PAPER, np.uint8)
    for i, image in enumerate(images):
        height, width = image.shape[:2]
        top = GAP + i // columns * (high + GAP) + (high - height) // 2
        left = GAP + i % columns * (wide + GAP) + (wide - width) // 2
        sheet[top : top + height, left : left + width] = image
    return sheet


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write uint8 (H, W, 3) RGB as .jpg, .jpeg or .png, whole or not at all.

    What is longer than a JPEG may be becomes a smaller one.

    Raises UserError for another suffix or an array that is no image, OSError where
    the file can't be written; both name the path.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise UserError(
            f"{path}: expected a name ending in {', '.join(IMAGE_SUFFIXES)}. "
            f"Received: {path.suffix!r}"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(
            f"{path}: expected a uint8 image of shape (H, W, 3). "
            f"Received: {image.dtype} {image.shape}"
        )
    if not image.size:
        raise UserError(f"{path}: the image is empty: {image.shape}")
    suffix = path.suffix.lower()
    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    try:
        data = encode_image(suffix, image, options)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    # written by Python, not by cv2.imwrite: any letters in the path, errors raised
    write_bytes(path, data)


def _to_pixels(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    # corners 0..1 (N, 4) -> int pixels (N, 4), kept inside the image
    pixels = to_whole_pixels(np.clip(boxes.reshape(-1, 4), 0, 1), (width, height))
    return np.minimum(pixels, np.array([width, height] * 2) - 1)


def _median_side(corners: np.ndarray) -> float:
    # small objects in a large image would vanish under its lines and letters
    if not len(corners):
        return math.inf
    return max(float(np.median(corners[:, 2:] - corners[:, :2])), 1.0)


def _draw_rectangle(
    canvas: np.ndarray, corners: np.ndarray, colour: Colour, line: int
) -> None:
    # a dark line that shows one pixel on both sides of the bright one; upright lines
    # need no antialiasing, which would dim them
    low, high = tuple(corners[:2].tolist()), tuple(corners[2:].tolist())
    if line > 1:
        cv2.rectangle(canvas, low, high, OUTLINE, line + 2)
    cv2.rectangle(canvas, low, high, colour, line)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def _place(
    corners: np.ndarray,
    label: str,
    font: ImageFont.FreeTypeFont,
    size_wh: tuple[int, int],
    taken: list[Rectangle],
) -> Rectangle | None:
    # where the label goes: above the box, else inside at its top, else below; the first
    # place that no earlier label covers. None: nothing to write, or no room at all
    pad = max(1, round(font.size / 5))
    wide = round(font.getlength(label)) + 2 * pad
    high = sum(font.getmetrics()) + pad
    width, height = size_wh
    if not label or wide > width or high > MAX_LABEL * height:
        return None
    xmin, ymin, _, ymax = corners.tolist()
    left = min(xmin, width - wide)
    tops = np.clip([ymin - high, ymin, ymax, ymax - high], 0, height - high).tolist()
    spots = [(left, top, left + wide, top + high) for top in tops]
    free = [spot for spot in spots if not any(_overlap(spot, t) for t in taken)]
    spot = (free or spots)[0]
    taken.append(spot)
    return spot


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _text_colour(ground: Colour) -> Colour:
    # black or white, whichever has more contrast; WCAG 2.2, relative luminance
    rgb = np.array(ground) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ np.array([0.2126, 0.7152, 0.0722]))
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def _enlarge(image: np.ndarray) -> np.ndarray:
    factor = min(MIN_PANEL / min(image.shape[:2]), MAX_PANEL / max(image.shape[:2]))
    if factor <= 1:
        return image
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def _caption(image: np.ndarray, text: str) -> np.ndarray:
    # the image with a strip above it that holds the text
    side = sum(image.shape[:2]) / 2
    font = _font(round(np.clip(FONT_SHARE * side, MIN_FONT + 3, MAX_FONT)))
    high = round(1.6 * font.size)
    strip = Image.new("RGB", (image.shape[1], high), PAPER)
    ImageDraw.Draw(strip).text((0, high / 2), text, OUTLINE, font, anchor="lm")
    return np.concatenate([np.asarray(strip), image])
