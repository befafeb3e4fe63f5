"""Sources: what is named on a command line -> frames."""

import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from inference.sources import MediaSource, count_frames, find_sources, read_frames
from tests.base.test_structure import ROOT
from tests.helpers.detectors import RED, scene
from tests.helpers.videos import moving, multipart, serve, serve_rtsp, write_video


@pytest.fixture
def folder(tmp_path):
    """b.jpg, a.png, clip.mp4, notes.md, sub/c.jpg, a hidden image."""
    for name in ("b.jpg", "a.png", ".hidden.png", "sub/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, scene((40, 30)))[1].tobytes())
    write_video(tmp_path / "clip.mp4", moving(5))
    (tmp_path / "notes.md").write_text("no image")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.png", ["image a.png"]),
        ("notes.md", ["image notes.md"]),  # what it is shows when it is read
        ("", ["image a.png", "image b.jpg", "video clip.mp4"]),
        ("*.jpg", ["image b.jpg"]),
        ("**/*.jpg", ["image b.jpg", "image sub/c.jpg"]),
        ("*", ["image a.png", "image b.jpg", "video clip.mp4"]),
        ("clip.mp4", ["video clip.mp4"]),
        ("list.txt", ["image sub/c.jpg", "video clip.mp4", "image ü x.png"]),
    ],
)
def test_files(folder, given, expected):
    text = "\ufeff# mine\nsub/c.jpg\n\n  clip.mp4  \nü x.png\n"
    (folder / "list.txt").write_text(text, "utf-8")
    found = find_sources([str(folder / given)])
    assert [f"{s.kind} {s.address}" for s in found] == [
        f"{kind} {folder / name}"
        for kind, name in (line.split(" ", 1) for line in expected)
    ]


@pytest.mark.parametrize("suffix", [".wmv", ".ts", ".m2ts", ".MTS", ".WMV"])
def test_files_of_video_cameras_are_videos(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    path.touch()
    for given in (path, tmp_path):
        (source,) = find_sources([str(given)])
        assert (source.kind, source.address) == ("video", str(path))


@pytest.mark.parametrize(
    ("given", "kind", "name", "shown"),
    [
        ("0", "camera", "camera0", "0"),
        ("12", "camera", "camera12", "12"),
        ("rtsp://cam/live", "stream", "live", "rtsp://cam/live"),
        ("rtsp://me:secret@cam:554/a/b?c", "stream", "b", "rtsp://cam:554/a/b?c"),
        ("HTTP://host", "stream", "stream", "HTTP://host"),
        ("https://host/x.mp4", "stream", "x.mp4", "https://host/x.mp4"),
    ],
)
def test_cameras_and_streams(given, kind, name, shown):
    (source,) = find_sources([given])
    assert (source.kind, source.name, str(source)) == (kind, name, shown)


def test_a_file_called_like_a_camera_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(b"")
    assert find_sources(["0"]) == [MediaSource("image", "0")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("missing.jpg", "no such file.*rtsp"),
        ("empty", "no images or videos.*[.]jpg.*[.]mp4"),
        ("*.gif", "no image or video matches"),
        ("blank.txt", "a path on each line"),
        ("binary.txt", "not a text file"),
    ],
)
def test_mistakes(tmp_path, given, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("\n# only this\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xd8\xff\0")
    with pytest.raises(ValueError, match=f"{re.escape(given)}.*{words}") as error:
        find_sources([str(tmp_path / given)])
    assert "\n" not in str(error.value)


def test_a_list_may_hold_addresses(tmp_path):
    (tmp_path / "list.txt").write_text("a.jpg\nrtsp://me:secret@cam/1\n", "utf-8")
    image, stream = find_sources([str(tmp_path / "list.txt")])
    assert str(image) == str(tmp_path / "a.jpg")
    assert stream.kind == "stream" and str(stream) == "rtsp://cam/1"


def test_an_unknown_address_does_not_show_its_password():
    with pytest.raises(ValueError, match=r"ftp://.*rtsp://") as error:
        find_sources(["ftp://me:secret@host/x"])
    assert "secret" not in str(error.value)


def test_sources_of_one_name_are_told_apart_by_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("x/a.jpg", "y/a.jpg", "y/b.jpg", "z/1/c.mp4", "z/2/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    streams = ["rtsp://me:secret@cam1/live", "rtsp://me:secret@cam2/live"]
    given = ["x", str(tmp_path / "y"), "z/1", "z/2", "y/../x/a.jpg", *streams, "0", "0"]
    names = [(s.name, s.longer_name) for s in find_sources(given)]
    assert names == [
        ("a.jpg", "x/a.jpg"),
        ("a.jpg", "y/a.jpg"),
        ("b.jpg", ""),
        ("c.mp4", "1/c.mp4"),
        ("c.mp4", "2/c.mp4"),
        ("live", "cam1/live"),
        ("live", "cam2/live"),
        ("camera0", ""),
    ]


def read(*given):
    lines = []
    frames = list(
        read_frames(find_sources([str(item) for item in given]), lines.append)
    )
    return frames, lines


def test_images_and_videos_in_one_stream(folder):
    frames, lines = read(folder)
    assert lines == []
    assert [frame.image_id for frame in frames] == [
        "a.png",
        "b.jpg",
        *(f"clip.mp4#{i}" for i in range(5)),
    ]
    assert [frame.fps for frame in frames] == [0, 0, *[12.5] * 5]
    assert not any(frame.live for frame in frames)
    assert count_frames(find_sources([str(folder)])) == 7
    assert count_frames(find_sources([str(folder), "0"])) is None
    for frame, expected in zip(frames[2:], moving(5), strict=True):
        assert frame.image.shape == expected.shape  # 64 high, 96 wide
        assert np.abs(frame.image.astype(int) - expected).mean() < 8  # RGB, in order


def test_what_is_broken_is_told_and_left(folder):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (folder / "broken.mp4").write_bytes(b"no video")
    whole = write_video(folder / "cut.avi", moving(40)).read_bytes()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 2])
    names = ("broken.jpg", "broken.mp4", "cut.avi", "a.png", "gone.png")
    (folder / "list.txt").write_text("\n".join(names))
    frames, lines = read(folder / "list.txt")
    assert [
        str(folder / name) in line
        for name, line in zip(
            ("broken.jpg", "broken.mp4", "cut.avi", "gone.png"), lines, strict=True
        )
    ] == [True] * 4
    assert all("\n" not in line for line in lines)
    assert frames[-1].image_id == "a.png"


@pytest.mark.parametrize(("cut", "expected"), [(False, 12), (True, 11)])
def test_motion_jpeg_until_it_breaks(cut, expected):
    with serve(*multipart(moving(12)), cut=cut) as address:
        stream = read_frames(find_sources([f"{address}/cam"]), print)
        frames = list(stream)
    assert frames[-1].index == expected - 1
    assert all(frame.live and frame.source.name == "cam" for frame in frames)
    left = np.argwhere(frames[-1].image[30, :, 0].astype(int) > sum(RED) / 2 + 40)
    # frame i has its square at 4 * i
    assert left.min() == pytest.approx(4 * (expected - 1), abs=2)


def test_rtsp(tmp_path):
    stream = write_video(tmp_path / "x.ts", moving(20), fps=25).read_bytes()
    lines = []
    with serve_rtsp(stream) as address:
        frames = list(read_frames(find_sources([f"{address}/cam"]), lines.append))
    # the last image has come whole when the next one begins
    assert frames[-1].index == 18 and lines == []
    assert all(frame.live and frame.fps == 25 for frame in frames)
    assert np.abs(frames[-1].image.astype(int) - moving(19)[-1]).mean() < 8


def test_a_video_over_http_is_not_live(tmp_path):
    data = write_video(tmp_path / "x.mp4", moving(30)).read_bytes()
    with serve("video/mp4", [data]) as address:
        frames = list(read_frames(find_sources([f"{address}/x.mp4"]), print))
    assert [frame.index for frame in frames] == list(range(30))
    assert not any(frame.live for frame in frames)


QUIET_SCRIPT = """
import sys
from argparse import Namespace
from base.command_line import run_script
from inference.sources import find_sources, read_frames

def read(args):
    assert not list(read_frames(find_sources(sys.argv[1:]), print))

sys.exit(run_script("read", read, Namespace()))
"""


def test_nobody_answers():
    with serve("text/plain", [b""]) as address:
        pass
    streams = [address.replace("http", scheme) for scheme in ("http", "rtsp")]
    frames, lines = read("99", *(s.replace("//", "//me:secret@") for s in streams))
    assert frames == []
    assert lines == [
        "99: no such camera.",
        *(f"{stream}: no stream answers there." for stream in streams),
    ]
    # a script of ours prints nothing of FFmpeg's own lines
    program = [sys.executable, "-c", QUIET_SCRIPT, *streams]
    answer = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == lines[1:]


def test_a_stream_is_read_only_as_far_as_it_is_used(tmp_path):
    path = write_video(tmp_path / "x.mp4", moving(20))
    stream = read_frames(find_sources([str(path)]), print)
    assert next(stream).index == 0
    stream.close()
