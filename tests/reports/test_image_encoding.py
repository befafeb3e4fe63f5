"""Images as files: what is too large for a format is made smaller."""

import cv2
import numpy as np
import pytest

from base.errors import UserError
from reports.drawing import draw_truth_and_detections, write_image
from reports.image_encoding import encode_image


@pytest.mark.parametrize(
    ("suffix", "shape", "written"),
    [
        (".jpg", (2, 70_000), (1, 65_500)),
        (".jpg", (70_000, 2), (65_500, 1)),
        (".webp", (4, 20_000), (3, 16_383)),
        (".png", (2, 70_000), (2, 70_000)),
        (".jpg", (30, 40), (30, 40)),
    ],
)
def test_a_side_that_the_format_has_no_number_for(suffix, shape, written):
    data = encode_image(suffix, np.full((*shape, 3), 90, np.uint8))
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert back.shape == (*written, 3)


def test_an_encoder_that_refuses_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(UserError, match=r"a.jpg: 4x2 pixels can't be a .jpg file"):
        write_image(tmp_path / "a.jpg", np.zeros((2, 4, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_the_panel_of_a_line_of_text(tmp_path):
    image = np.full((30, 3300, 3), 90, np.uint8)
    truth = np.array([[0.1, 0.2, 0.3, 0.8, 1]], np.float32)
    sheet = draw_truth_and_detections(image, truth, np.zeros((0, 6)), ["cat"], 0.5)
    write_image(tmp_path / "a.jpg", sheet)
    assert cv2.imread(str(tmp_path / "a.jpg")) is not None
    long = np.full((8, 40_000, 3), 90, np.uint8)
    write_image(tmp_path / "b.jpg", np.concatenate([long, long], axis=1))
    assert cv2.imread(str(tmp_path / "b.jpg")).shape[1] == 65_500
