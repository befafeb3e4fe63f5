"""detect.py on videos and streams, and the files it leaves; no network is needed."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import detect
import evaluate
import inference
from tests.helpers.detectors import ColourNetwork, colour_detector, scene
from tests.helpers.videos import (
    moving,
    multipart,
    read_video,
    serve,
    serve_rtsp,
    write_video,
)
from tests.helpers.voc_files import write_voc


@pytest.fixture
def options(monkeypatch, tmp_path):
    """detect.main with a detector of colours; returns the common options."""

    def load(path, threshold, top_k, batch_size, tile):
        return colour_detector(batch_size=batch_size)

    monkeypatch.setattr(inference, "load", load)
    return ["--output", str(tmp_path / "out"), "--batch-size", "4"]


def make_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())
    return path


def left_of_red(frame):
    is_red = frame[30, :, 0].astype(int) - frame[30, :, 2] > 80
    return np.flatnonzero(is_red).min()


# videos


@pytest.mark.parametrize("every", [1, 3])
def test_a_video_comes_out_with_boxes_at_its_rate(options, tmp_path, capsys, every):
    path = write_video(tmp_path / "ein clip.mp4", moving(11), fps=29.97)
    assert detect.main([str(path), *options, "--every", str(every)]) == 0
    frames, fps = read_video(tmp_path / "out" / "ein clip.mp4")
    assert fps == pytest.approx(29.97)
    assert frames.shape == (11, 64, 96, 3)
    for i in (0, 4, 9):
        assert left_of_red(frames[i]) == pytest.approx(4 * i, abs=4)
    changed = np.abs(frames.astype(int) - read_video(path)[0]).max(axis=(1, 2, 3))
    assert (changed > 60).all()  # a box on every frame, those between included
    out, err = capsys.readouterr()
    assert out == ""
    assert "11 objects" in err and "11 images" in err and "a second" in err
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_videos_and_images_together(options, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    write_video(folder / "a.mp4", moving(5))
    write_video(folder / "c.avi", moving(7))
    make_image(folder / "b.png", scene((50, 40), red=(10, 10, 30, 30)))
    (folder / "d.mp4").write_bytes(b"no video")
    assert detect.main([str(folder), *options]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.mp4",
        "b.jpg",
        "c.mp4",
    ]
    assert len(read_video(tmp_path / "out" / "a.mp4")[0]) == 5
    assert len(read_video(tmp_path / "out" / "c.mp4")[0]) == 7
    out, err = capsys.readouterr()
    assert out == f"{folder / 'b.png'}: red 0.90 10 10 30 30\n"
    assert str(folder / "d.mp4") in err
    assert "1 could not be read" in err


@pytest.mark.parametrize(("cut", "expected"), [(False, 12), (True, 11)])
def test_a_stream_that_breaks_leaves_a_playable_video(options, tmp_path, cut, expected):
    with serve(*multipart(moving(12)), cut=cut) as address:
        assert detect.main([f"{address}/cam.mjpg", *options]) == 0
    frames, _ = read_video(tmp_path / "out" / "cam.mp4")
    # what came before the detector was ready may have been dropped
    first = round(left_of_red(frames[0]) / 4)
    assert len(frames) == expected - first
    assert left_of_red(frames[-1]) == pytest.approx(4 * (expected - 1), abs=4)


def test_an_rtsp_camera_that_goes_leaves_a_playable_video(options, tmp_path):
    stream = write_video(tmp_path / "x.ts", moving(20), fps=25).read_bytes()
    with serve_rtsp(stream[: len(stream) * 3 // 4]) as address:
        assert detect.main([f"{address}/cam", *options]) == 0
    frames, fps = read_video(tmp_path / "out" / "cam.mp4")
    assert fps == 25 and 5 < round(left_of_red(frames[-1]) / 4) < 19


def test_a_video_over_http(options, tmp_path):
    data = write_video(tmp_path / "x.mp4", moving(9), fps=10).read_bytes()
    with serve("video/mp4", [data]) as address:
        assert detect.main([f"{address}/x.mp4", *options]) == 0
    frames, fps = read_video(tmp_path / "out" / "x.mp4")
    assert (len(frames), fps) == (9, 10)


@pytest.mark.parametrize("first", [0, 5])  # a camera's first frames were dropped
def test_dropped_frames_keep_the_videos_time(tmp_path, first):
    from reports import VideoFile

    video = VideoFile(tmp_path / "v.mp4", 25)
    frames = moving(8)
    for i in (0, 1, 4, 7):
        video.write(frames[i], first + i)
    # a stream changes its size
    video.write(scene((48, 32), red=(0, 10, 10, 20)), first + 8)
    video.close()
    read = read_video(tmp_path / "v.mp4")[0]
    shown = [round(left_of_red(frame) / 4) for frame in read]
    assert shown == [0, 1, 1, 1, 4, 4, 4, 7, 0]
    assert read.shape == (9, 64, 96, 3)


def test_ctrl_c_finishes_the_files(options, tmp_path, capsys, monkeypatch):
    path = write_video(tmp_path / "x.mp4", moving(20))
    detector = colour_detector(batch_size=4)
    network, calls = ColourNetwork(), []

    def interrupted(tiles):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return network(tiles)

    detector._network = interrupted
    monkeypatch.setattr(inference, "load", lambda *_: detector)
    found = tmp_path / "found.json"
    assert detect.main([str(path), *options, "--json", str(found)]) == 130
    assert len(read_video(tmp_path / "out" / "x.mp4")[0]) == 8
    assert len(json.loads(found.read_text())) == 8
    assert (
        capsys.readouterr().err.strip().splitlines()[-1].startswith("detect.py: stop")
    )
    assert "ahead" not in {thread.name for thread in threading.enumerate()}


# outputs


def entries_of(text):
    return [(e["image_id"], e["category_id"], e["bbox"]) for e in json.loads(text)]


def test_json_to_standard_output_and_all_else_to_standard_error(
    options, tmp_path, capsys
):
    a = make_image(
        tmp_path / "ä b.png", scene((50, 40), (10, 10, 30, 30), (0, 0, 5, 4))
    )
    clip = write_video(tmp_path / "c.mp4", [scene((48, 32))] * 2)
    assert detect.main([str(a), str(clip), *options, "--json", "-"]) == 0
    out, err = capsys.readouterr()
    (first, second) = entries_of(out)
    assert first[:2] == ("ä b.png", 1) and second[:2] == ("ä b.png", 2)
    assert first[2] == pytest.approx([10, 10, 20, 20], abs=0.4)
    assert "red 0.90 10 10 30 30" in err
    assert detect.main([str(clip), *options, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_frame_of_a_video_has_its_number(options, tmp_path, capsys):
    clip = write_video(tmp_path / "c.mp4", moving(3))
    assert detect.main([str(clip), *options, "--json", "-", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert [e[0] for e in entries_of(out)] == ["c.mp4#0", "c.mp4#1", "c.mp4#2"]
    assert err == ""


def test_images_and_videos_of_one_name_stay_apart_in_the_json(options, tmp_path):
    for folder in "xy":
        make_image(tmp_path / folder / "a.png", scene((50, 40), (10, 10, 30, 30)))
        write_video(tmp_path / folder / "c.mp4", moving(1))
    found = tmp_path / "found.json"
    given = [*(str(tmp_path / f) for f in "xy"), str(tmp_path / "x" / "a.png")]
    assert detect.main([*given, *options, "--json", str(found)]) == 0
    names = [e[0] for e in entries_of(found.read_text())]
    assert names == ["x/a.png", "x/c.mp4#0", "y/a.png", "y/c.mp4#0"]


def test_labels_and_crops(options, tmp_path):
    red, blue = (10, 10, 30, 30), (40, 0, 50, 8)
    make_image(tmp_path / "in" / "a.png", scene((50, 40), red, blue))
    make_image(tmp_path / "in" / "empty.png", scene((50, 40)))
    write_video(tmp_path / "in" / "v.mp4", moving(2))
    given = [str(tmp_path / "in"), *options, "--save-txt", "--save-crops"]
    assert detect.main(given) == 0
    labels = tmp_path / "out" / "labels"
    names = ["a.txt", "classes.txt", "empty.txt", "v_000000.txt", "v_000001.txt"]
    assert sorted(path.name for path in labels.iterdir()) == names
    assert (labels / "classes.txt").read_text() == "red\nblue\n"
    assert (labels / "empty.txt").read_text() == ""
    rows = [line.split() for line in (labels / "a.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == ["0", "1"]
    values = np.array([row[1:] for row in rows], float)
    # centres and sides of red and blue in an image of 50 x 40
    np.testing.assert_allclose(
        values,
        [[20 / 50, 20 / 40, 20 / 50, 20 / 40], [45 / 50, 4 / 40, 10 / 50, 8 / 40]],
        atol=0.008,
    )
    crops = tmp_path / "out" / "crops"
    found = sorted(str(p.relative_to(crops)) for p in crops.rglob("*.jpg"))
    assert found == ["blue/a.jpg", "red/a.jpg", "red/v_000000.jpg", "red/v_000001.jpg"]
    crop = cv2.imread(str(crops / "red" / "a.jpg"))
    assert crop.shape == (20, 20, 3)
    assert (crop[..., 2].astype(int) - crop[..., 0] > 120).mean() > 0.95


def test_nothing_is_overwritten(options, tmp_path, capsys):
    path = make_image(tmp_path / "a.png", scene((50, 40), (10, 10, 30, 30)))
    clip = write_video(tmp_path / "c.mp4", moving(3))
    given = [str(path), str(clip), *options, "--save-txt", "--save-crops"]
    out = tmp_path / "out"
    assert detect.main(given) == 0
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert detect.main(given) == 0
    after = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert before.items() <= after.items()
    # all but classes.txt have come again
    assert len(after) == 2 * len(before) - 1
    found = tmp_path / "found.json"
    found.write_text("mine")
    capsys.readouterr()
    assert detect.main([*given, "--json", str(found)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert found.read_text() == "mine"
    (out / "labels" / "classes.txt").write_text("cat\n")
    assert detect.main(given) == 2
    assert "classes.txt" in capsys.readouterr().err


def test_classes(options, tmp_path, capsys):
    path = make_image(
        tmp_path / "a.png", scene((50, 40), (10, 10, 30, 30), (0, 0, 5, 4))
    )
    assert detect.main([str(path), *options, "--classes", "blue"]) == 0
    assert re.findall("red|blue", capsys.readouterr().out) == ["blue"]
    assert detect.main([str(path), *options, "--classes", " blue, red"]) == 0
    assert re.findall("red|blue", capsys.readouterr().out) == ["red", "blue"]
    assert detect.main([str(path), *options, "--classes", "blu"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "red, blue" in line and "Did you mean blue?" in line


def test_class_names_do_not_leave_the_folder(options, tmp_path, monkeypatch):
    detector = colour_detector()
    detector.class_names = ("../../up", "..")
    monkeypatch.setattr(inference, "load", lambda *_: detector)
    path = make_image(
        tmp_path / "a.png", scene((50, 40), (10, 10, 30, 30), (0, 0, 5, 4))
    )
    assert detect.main([str(path), *options, "--save-crops"]) == 0
    crops = [p.relative_to(tmp_path) for p in tmp_path.rglob("a.jpg")]
    assert sorted(map(str, crops)) == [
        "out/a.jpg",
        "out/crops/_.._up/a.jpg",
        "out/crops/_/a.jpg",
    ]


def test_results_are_read_back_by_evaluate_and_pycocotools(options, tmp_path, capsys):
    boxes = {"a": (11, 11, 30, 30), "b": (1, 21, 60, 40), "c": (30, 5, 40, 25)}
    data = write_voc(
        tmp_path / "voc",
        {stem: [("red", box), ("blue", (50, 1, 60, 4))] for stem, box in boxes.items()},
        {"val": list(boxes), "train": ["a"]},
    )
    for stem, (left, top, right, bottom) in boxes.items():
        image = scene((60, 40), (left - 1, top - 1, right, bottom), (49, 0, 60, 4))
        make_image(data / "JPEGImages" / f"{stem}.png", image)
    found = tmp_path / "found.json"
    given = [str(data / "JPEGImages"), *options, "--json", str(found)]
    assert detect.main([*given, "--quiet"]) == 0
    results = json.loads(found.read_text())
    for entry in results:  # a data set's classes are sorted: blue is 1, red 2
        entry["category_id"] = 3 - entry["category_id"]
    found.write_text(json.dumps(results))
    figures = tmp_path / "figures.json"
    given = ["--predictions", str(found), "--data", str(data), "--json", str(figures)]
    assert evaluate.main(given) == 0
    assert json.loads(figures.read_text())["AP50"] == pytest.approx(1)

    from pycocotools.coco import COCO

    truth = COCO()
    truth.dataset = {
        "images": [{"id": f"{s}.png", "width": 60, "height": 40} for s in boxes],
        "annotations": [],
        "categories": [{"id": 1, "name": "blue"}, {"id": 2, "name": "red"}],
    }
    truth.createIndex()
    loaded = truth.loadRes(str(found))
    assert len(loaded.anns) == 6
    (red,) = loaded.loadAnns(loaded.getAnnIds(imgIds=["a.png"], catIds=[2]))
    assert red["bbox"] == pytest.approx([10, 10, 20, 20], abs=0.4)
    assert red["area"] == pytest.approx(400, rel=0.05)


# a window


def test_show_needs_a_display(options, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    path = make_image(tmp_path / "a.png", scene((50, 40)))
    assert detect.main([str(path), *options, "--show"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("detect.py: --show: there is no display")
    assert not (tmp_path / "out").exists()


def test_show_ends_with_q_and_the_video_is_whole(options, tmp_path, monkeypatch):
    shown, keys = [], iter([-1, -1, ord("q")])
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: next(keys))
    clip = write_video(tmp_path / "x.mp4", moving(12))
    assert detect.main([str(clip), *options, "--show"]) == 0
    assert [image.shape for image in shown] == [(64, 96, 3)] * 3
    assert len(read_video(tmp_path / "out" / "x.mp4")[0]) == 3


def test_a_process_of_its_own_finds_the_same(tmp_path):
    """The real script on real weights, in the kernels' own order; JSON in a pipe."""
    folder = Path(detect.__file__).parent / "examples" / "images"
    images = [str(path) for path in sorted(folder.glob("*.jpg"))]
    assert len(images) == 3
    options = [*images, "--batch-size", "2", "--output", str(tmp_path / "out")]
    assert detect.main([*options, "--json", str(tmp_path / "here.json")]) == 0
    answer = subprocess.run(
        [sys.executable, detect.__file__, *options, "--json", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "3 images" in answer.stderr
    expected = json.loads((tmp_path / "here.json").read_text("utf-8"))
    found = json.loads(answer.stdout)
    assert len(found) == len(expected) >= 2
    for row, wanted in zip(found, expected, strict=True):
        assert row.pop("bbox") == pytest.approx(wanted.pop("bbox"), abs=0.1)
        assert row.pop("score") == pytest.approx(wanted.pop("score"), abs=1e-3)
        assert row == wanted
