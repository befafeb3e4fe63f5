"""Tables, curves and images with boxes: what they hold and where they refuse."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation import evaluate_voc
from reports import (
    class_colour,
    class_table,
    contact_sheet,
    draw_boxes,
    draw_truth_and_detections,
    markdown_table,
    plot_history,
    plot_precision_recall,
    text_table,
    write_image,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"
LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
EPOCH = {
    "epoch": 1,
    "seconds": 3.5,
    "lr": 1e-3,
    "loss": 5.0,
    "box_loss": 2.0,
    "class_loss": 3.0,
    "acc": 0.4,
    "val_loss": 6.0,
    "val_box_loss": 2.5,
    "val_class_loss": 3.5,
    "val_acc": 0.3,
    "mAP50": 0.1,
}


def curves_of(names=("cat", "dog", "cow")):
    truth = np.array([[*LEFT, 1], [*RIGHT, 1], [*LEFT, 2]])
    found = np.array([[1, 0.9, *LEFT], [2, 0.8, *LEFT], [2, 0.7, *RIGHT]])
    return evaluate_voc([found], [truth], [np.zeros(3, bool)], list(names))


def test_class_table():
    coco = {"cat": {"AP": 0.25}, "dog": {"AP": 0.75}, "cow": {"AP": float("nan")}}
    lines = class_table(curves_of(), 0.5, coco, num_images=4).splitlines()
    assert [line.split() for line in lines] == [
        ["Class", "Images", "Instances", "P", "R", "mAP50", "mAP50-95"],
        # P (1 + 1/2) / 2, R (1/2 + 1) / 2, mAP50 (0.5 + 1) / 2; cow has no objects
        ["all", "4", "3", "0.750", "0.750", "0.750", "0.500"],
        ["cat", "1", "2", "1.000", "0.500", "0.500", "0.250"],
        ["dog", "1", "1", "0.500", "1.000", "1.000", "0.750"],
        ["cow", "0", "0", "0.000", "-", "-", "-"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_class_table_without_classes():
    assert class_table([], 0.5).splitlines()[1].split() == ["all", "-", "0", *"----"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (np.float32(0.5), "0.500"),
        (7, "7"),
        ("two\nlines", "two lines"),
        ("größe", "größe"),
    ],
)
def test_cells(value, text):
    row = text_table(["a", "b"], [["x", value]]).splitlines()[1]
    assert row.split(None, 1) == ["x", text]


def test_markdown_table_escapes_bars():
    assert markdown_table(["a", "b"], [["x|y", 1]]).splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        r"| x\|y | 1 |",
    ]


@pytest.mark.parametrize(
    "history",
    [
        [EPOCH],
        [{**EPOCH, "epoch": i, "mAP50": ""} for i in range(1, 30)],
        [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": float("nan")}],
        [{"seconds": "x"}],
        [{"epoch": 1, "lr": 0.0, "loss": 0.0}],
    ],
)
def test_plot_history(tmp_path, history):
    path = tmp_path / "history.png"
    plot_history(history, path)
    assert cv2.imread(str(path)).shape == (960, 1500, 3)  # 10 x 6.4 inches at 150 dpi
    assert [p.name for p in tmp_path.iterdir()] == ["history.png"]


def test_plot_history_from_csv(tmp_path):
    with (tmp_path / "history.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(EPOCH))
        writer.writeheader()
        writer.writerows([EPOCH, {**EPOCH, "epoch": 2, "mAP50": ""}])
    plot_history(tmp_path / "history.csv", tmp_path / "a.png")
    plot_history([EPOCH, {**EPOCH, "epoch": 2, "mAP50": None}], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_plot_history_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="history is empty"):
        plot_history([], tmp_path / "history.png")


@pytest.mark.parametrize("names", [("cat", "dog"), [f"c{i}" for i in range(30)]])
def test_plot_precision_recall(tmp_path, names):
    path = tmp_path / "curve.png"
    curves = curves_of(names)
    if len(names) > 2:
        curves = [curves[0]] * 30
    plot_precision_recall(curves, path)
    assert cv2.imread(str(path)).std() > 5


def test_plot_precision_recall_without_objects(tmp_path):
    plot_precision_recall(evaluate_voc([], [], [], ["cat"]), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_no_pyplot_and_no_keras():
    code = (
        "import sys, evaluation, reports; assert 'matplotlib' not in sys.modules;"
        "from reports import *; import reports.curves;"
        "names = {'matplotlib.pyplot', 'keras', 'tensorflow'};"
        "assert not names & set(sys.modules), names & set(sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_colours_are_distinct_and_steady():
    colours = [class_colour(i) for i in range(1, 81)]
    assert len(set(colours)) == 80
    assert class_colour(np.int64(3)) == colours[2]
    near = [np.abs(np.subtract(colours[i], colours[i + 1])).sum() for i in range(79)]
    assert min(near) > 100
    assert all(0 <= x <= 255 and type(x) is int for c in colours for x in c)


@pytest.mark.parametrize("shape", [(30, 40), (1, 1), (300, 300), (900, 1600)])
@pytest.mark.parametrize("ground", [0, 128, 255])
def test_draw_boxes_returns_a_new_image(shape, ground):
    image = np.full((*shape, 3), ground, np.uint8)
    boxes = np.array([[0.1, 0.1, 0.9, 0.9], [-1, -1, 2, 2], [1, 1, 1, 1]])
    drawn = draw_boxes(image, boxes, ["Käfer", "x" * 500, ""], [1, 2, 3])
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (image == ground).all()
    assert (drawn != ground).any()


def test_draw_boxes_without_boxes_copies():
    image = np.full((20, 30, 3), 9, np.uint8)
    drawn = draw_boxes(image, np.zeros((0, 4)), [], [])
    drawn[:] = 0
    assert (image == 9).all()


@pytest.mark.parametrize("corner", [(0, 0), (0.9, 0), (0, 0.9), (0.9, 0.9)])
def test_labels_stay_inside(corner):
    x, y = corner
    image = np.zeros((300, 500, 3), np.uint8)
    boxes = np.array([[x, y, x + 0.1, y + 0.1]])
    without = draw_boxes(image, boxes, [""], [1])
    with_label = draw_boxes(image, boxes, ["raccoon 0.99"], [1])
    rows, columns = np.nonzero((with_label != without).any(axis=2))
    # the whole label: some 12 letters wide, as high as a line of text
    assert np.ptp(columns) > 60
    assert np.ptp(rows) > 9


def test_letters_beyond_ascii_are_drawn():
    image = np.zeros((300, 500, 3), np.uint8)
    box = np.array([[0.2, 0.4, 0.9, 0.9]])
    texts = ["Käfer", "Kafer", "K?fer", "K??fer", "Жук", "???"]
    drawn = {draw_boxes(image, box, [text], [1]).tobytes() for text in texts}
    assert len(drawn) == len(texts)


def test_box_lies_on_its_pixels():
    image = np.zeros((100, 200, 3), np.uint8)
    drawn = draw_boxes(image, np.array([[0.25, 0.2, 0.75, 0.8]]), [""], [1])
    # 0.25 * 200 = 50, 0.75 * 200 = 150; 0.2 * 100 = 20, 0.8 * 100 = 80
    for x, y in [(50, 50), (150, 50), (100, 20), (100, 80)]:
        assert tuple(drawn[y, x].tolist()) == class_colour(1)
    assert (drawn[40:60, 80:120] == 0).all()


def test_small_objects_of_a_large_image_stay_visible():
    image = np.full((2000, 3000, 3), 200, np.uint8)
    corners_px = np.array([[x, 900, x + 40, 940] for x in range(500, 2500, 400)])
    boxes = corners_px / (3000, 2000, 3000, 2000)
    drawn = draw_boxes(image, boxes, ["triangle 0.97"] * len(boxes), [1] * len(boxes))
    changed = (drawn != image).any(axis=2)
    for left, top, right, bottom in corners_px:
        assert not changed[top + 5 : bottom - 5, left + 5 : right - 5].any()
    # a label is no larger than some objects
    assert 40 * 40 < changed.sum() / len(boxes) < 5 * 40 * 40


def test_side_by_side_keeps_to_the_threshold():
    image = np.zeros((400, 600, 3), np.uint8)
    truth = np.zeros((2, 5))  # padding
    found = np.array([[1, 0.9, *LEFT], [2, 0.2, *RIGHT], [0, 0, 0, 0, 0, 0]])
    both = draw_truth_and_detections(image, truth, found, ["cat", "dog"], 0.5)
    half = both.shape[1] // 2
    colours = [
        {tuple(c) for c in np.unique(part.reshape(-1, 3), axis=0).tolist()}
        for part in (both[:, :half], both[:, half:])
    ]
    assert class_colour(1) not in colours[0]
    assert class_colour(1) in colours[1]
    assert class_colour(2) not in colours[1]


def test_small_images_are_enlarged_side_by_side():
    image = np.zeros((30, 40, 3), np.uint8)
    none = np.zeros((0, 5)), np.zeros((0, 6))
    both = draw_truth_and_detections(image, *none, ["cat"], 0.5)
    assert both.shape[0] > 320


@pytest.mark.parametrize(
    ("num", "columns", "shape"),
    [
        # 8 pixels before, between and after: 10 + 2 * 8, 20 + 2 * 8
        (1, 1, (26, 36)),
        (1, 5, (26, 36)),
        (3, 2, (2 * 10 + 3 * 8, 2 * 20 + 3 * 8)),
        (4, 4, (26, 4 * 20 + 5 * 8)),
    ],
)
def test_contact_sheet(num, columns, shape):
    sheet = contact_sheet([np.zeros((10, 20, 3), np.uint8)] * num, columns)
    assert sheet.shape == (*shape, 3)
    assert int((sheet == 0).all(axis=2).sum()) == num * 200


def test_contact_sheet_of_different_sizes():
    parts = [np.zeros(shape, np.uint8) for shape in [(10, 20, 3), (30, 4, 3)]]
    sheet = contact_sheet(parts, 2)
    assert sheet.shape == (30 + 16, 2 * 20 + 24, 3)
    assert int((sheet == 0).all(axis=2).sum()) == 200 + 120


@pytest.mark.parametrize(("images", "columns"), [([], 2), ([np.zeros((1, 1, 3))], 0)])
def test_contact_sheet_of_nothing(images, columns):
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet(images, columns)


@pytest.mark.parametrize("name", ["a.png", "Bilder ä 猫.PNG", "b.jpg", "c.JPEG"])
def test_write_image(tmp_path, name, capfd):
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 0] = 200  # red
    write_image(tmp_path / name, image)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    data = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(back.astype(int), image, atol=3)
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    ("name", "image", "error"),
    [
        ("a.gif", np.zeros((2, 2, 3), np.uint8), ValueError),
        ("a", np.zeros((2, 2, 3), np.uint8), ValueError),
        ("a.png", np.zeros((2, 2, 3)), ValueError),
        ("a.png", np.zeros((2, 2), np.uint8), ValueError),
        ("a.png", np.zeros((0, 2, 3), np.uint8), ValueError),
        ("no/folder/a.png", np.zeros((2, 2, 3), np.uint8), OSError),
    ],
)
def test_write_image_refuses(tmp_path, name, image, error):
    with pytest.raises(error, match=name.split("/")[0]):
        write_image(tmp_path / name, image)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_image(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"a\.png: can't be written: No space left"):
        write_image(path, np.zeros((2, 2, 3), np.uint8))
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_on_real_photographs(tmp_path):
    folder = SHARED / "data" / "raccoon" / "images"
    if not folder.is_dir():
        pytest.skip("raccoon: shared data set not here")
    parts = []
    for path in sorted(folder.glob("*.jpg"))[:4]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]
        box = np.array([[0.2, 0.2, 0.8, 0.8]])
        parts.append(draw_boxes(image, box, ["Waschbär 0.87"], [1]))
        assert parts[-1].shape == image.shape
    write_image(tmp_path / "sheet.jpg", contact_sheet(parts, 2))
