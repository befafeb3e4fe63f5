"""A window that shows images as they come."""

import os
import sys

import cv2
import numpy as np

from base.errors import UserError

TITLE = "SSD300: q or Esc ends"
END_KEYS = (ord("q"), 27)  # 27 is Esc
MAX_SIDE = 1280  # pixels, ours: larger images are shrunk to fit common screens


def check_display() -> None:
    """UserError in one line where no window can be opened."""
    displays = map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not any(displays):
        raise UserError(
            "--show: there is no display here (DISPLAY is not set); leave --show out "
            "and look at what is written."
        )
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
    except cv2.error as error:
        raise UserError(
            "--show: this OpenCV opens no windows (opencv-python-headless?) or finds "
            "no display; leave --show out."
        ) from error


def show(image: np.ndarray, is_still: bool = False) -> bool:
    """Show uint8 (H, W, 3) RGB; whether to go on: False once q or Esc is pressed.

    To be called from the main thread. A still image stays until a key is pressed.
    """
    factor = min(MAX_SIDE / max(image.shape[:2]), 1)
    image = cv2.resize(image, None, fx=factor, fy=factor)
    cv2.imshow(TITLE, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return cv2.waitKey(0 if is_still else 1) & 0xFF not in END_KEYS
