"""Images as bytes of a file: what is too large for the format is made smaller."""

from collections.abc import Sequence

import cv2
import numpy as np

from base.errors import UserError

# libjpeg, jmorecfg.h, JPEG_MAX_DIMENSION; Google, "WebP container specification"
MAX_SIDES = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}


def encode_image(suffix: str, image: np.ndarray, options: Sequence[int] = ()) -> bytes:
    """The file's bytes of uint8 (H, W, 3) RGB.

    suffix: .jpg, .png, .webp, ...; options: as of cv2.imencode. An image with a side
    that the format has no number for is shrunk to it. UserError where the encoder
    fails.
    """
    bgr = cv2.cvtColor(shrunk(image, MAX_SIDES.get(suffix)), cv2.COLOR_RGB2BGR)
    try:
        is_written, data = cv2.imencode(suffix, bgr, list(options))
    except cv2.error as error:
        is_written, reason = False, error.err
    else:
        reason = "the encoder refused it"
    if not is_written:
        height, width = image.shape[:2]
        raise UserError(f"{width}x{height} pixels can't be a {suffix} file: {reason}.")
    return data.tobytes()


def shrunk(image: np.ndarray, max_side: int | None) -> np.ndarray:
    """(H, W, 3) with no side above `max_side`; None: as it is."""
    longest = max(image.shape[:2])
    if max_side is None or longest <= max_side:
        return np.ascontiguousarray(image)
    sides = (max(int(s * max_side / longest), 1) for s in image.shape[1::-1])
    return cv2.resize(image, tuple(sides), interpolation=cv2.INTER_AREA)
