"""detect.py on images: what it draws, prints and writes."""

import os
import sys

import pytest

import detect
from base.errors import UserError
from models import weights
from tests.helpers.scripts import make_image, strict_json

pytestmark = pytest.mark.usefixtures("slim_squeezenet")


def test_detect_writes_images_lines_and_json(untrained, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, size in enumerate([(80, 50), (50, 80), (300, 300)]):
        make_image(folder / f"p{number}.png", 40 * number, size)
    out = tmp_path / "out"
    options = [str(folder), "--weights", str(untrained), "--top-k", "5"]
    options += ["--batch-size", "2", "--output", str(out)]
    assert detect.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["p0.jpg", "p1.jpg", "p2.jpg"]
    lines = capsys.readouterr().out.splitlines()
    entries = strict_json(tmp_path / "found.json")
    assert len(lines) == len(entries) == 15
    names = weights.read_detector(untrained).metadata.class_names
    for line, entry in zip(lines, entries, strict=True):
        path, name, score, *corners_px = line.split()
        assert path.rstrip(":").endswith(entry["image_id"])
        assert name == names[entry["category_id"] - 1]
        assert float(score) == pytest.approx(entry["score"], abs=0.006)
        x, y, width, height = entry["bbox"]
        expected = [x, y, x + width, y + height]
        assert list(map(int, corners_px)) == pytest.approx(expected, abs=1)
    small = [entry["bbox"] for entry in entries if entry["image_id"] == "p0.png"]
    assert max(x + width for x, _, width, _ in small) <= 80.01
    assert max(y + height for _, y, _, height in small) <= 50.01
    assert detect.main(options) == 0  # nothing is overwritten
    assert (out / "p0-2.jpg").exists()


def test_detect_threshold(untrained, tmp_path, capsys):
    path = make_image(tmp_path / "a.png")
    options = [str(path), "--weights", str(untrained), "--output", str(tmp_path / "o")]
    assert detect.main([*options, "--threshold", "1"]) == 0
    text = capsys.readouterr()
    assert text.out == ""
    assert "no objects found; this detector knows: " in text.err
    assert detect.main([*options, "--threshold", "0.7"]) == 0
    scores = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    assert 0 < len(scores) < 200
    assert min(scores) >= 0.7
    assert detect.main(options) == 0  # the file's own, 0.011
    assert len(capsys.readouterr().out.splitlines()) == 200


def test_detect_leaves_a_broken_image_out(untrained, tmp_path, capsys):
    good = make_image(tmp_path / "good.png")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no image")
    out = tmp_path / "out"
    options = ["--weights", str(untrained), "--output", str(out), "--top-k", "1"]
    assert detect.main([str(broken), str(good), *options]) == 0
    left_out, summary = capsys.readouterr().err.splitlines()
    assert str(broken) in left_out
    assert "in 1 images" in summary and "1 could not be read" in summary
    assert [path.name for path in out.iterdir()] == ["good.jpg"]
    assert detect.main([str(broken), *options]) == 2
    assert str(broken) in capsys.readouterr().err


@pytest.mark.parametrize("form", ["JPEG", "PNG", None])
def test_detect_an_image_that_is_longer_than_a_jpeg_may_be(
    untrained, tmp_path, capsys, monkeypatch, form
):
    from inference import outputs
    from reports import image_encoding

    # as if 65,535 were 70: the right behaviour does not hang on the number
    monkeypatch.setitem(image_encoding.MAX_SIDES, ".jpg", 70 if form != "JPEG" else 100)
    if form is None:

        def refuse(*_):
            raise UserError("too long for any file")

        monkeypatch.setattr(outputs, "write_image", refuse)
    (tmp_path / "in").mkdir()
    for name, size in (("a.png", (80, 20)), ("b.png", (60, 50))):
        make_image(tmp_path / "in" / name, 40, size)
    out = tmp_path / "out"
    options = [str(tmp_path / "in"), "--weights", str(untrained), "--top-k", "1"]
    options += ["--output", str(out), "--json", str(tmp_path / "found.json")]
    assert detect.main(options) == 0
    written = sorted(p.name for p in out.iterdir())
    first = {"JPEG": ["a.jpg", "b.jpg"], "PNG": ["a.png", "b.jpg"], None: []}[form]
    assert written == first
    entries = strict_json(tmp_path / "found.json")
    assert {entry["image_id"] for entry in entries} == {"a.png", "b.png"}
    assert ("too long for any file" in capsys.readouterr().err) == (form is None)


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes")
def test_names_that_are_not_utf8_are_escaped(untrained, tmp_path, capsysbinary):
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(b"f\xfcr.png")
    make_image(folder / "a.png").rename(folder / name)
    options = [str(folder), "--weights", str(untrained), "--top-k", "1"]
    options += ["--output", str(tmp_path / "o"), "--json", str(tmp_path / "found.json")]
    assert detect.main(options) == 0
    assert [e["image_id"] for e in strict_json(tmp_path / "found.json")] == [name]
