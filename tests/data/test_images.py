"""Images from files: formats, orientation, limits, broken files."""

import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data import image_size, images, read_image

WIDTH, HEIGHT = 64, 40
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def flag():
    """Red, green and blue columns: a wrong channel order or turn shows at once."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, :20], image[:, 20:40], image[:, 40:] = RED, GREEN, BLUE
    return image


def assert_flag(image, tolerance=12):
    assert image.dtype == np.uint8 and image.shape == (HEIGHT, WIDTH, 3)
    for column, color in ((8, RED), (30, GREEN), (56, BLUE)):
        difference = np.abs(image[HEIGHT // 2, column].astype(int) - color)
        assert difference.max() <= tolerance, (column, image[HEIGHT // 2, column])


@pytest.mark.parametrize("suffix", [s[1:] for s in images.SUFFIXES])
def test_formats_and_unicode_paths(tmp_path, suffix):
    path = tmp_path / f"żółw 亀.{suffix}"
    Image.fromarray(flag()).save(path, quality=95)
    assert image_size(path) == (WIDTH, HEIGHT)
    assert_flag(read_image(path), 0 if suffix[:3] in ("png", "bmp", "tif") else 25)


def test_tiff_in_its_modes_turned_and_cut_off(tmp_path):
    path, image = tmp_path / "a.tif", Image.fromarray(flag())
    for mode in ("P", "RGBA", "CMYK"):
        image.convert(mode).save(path, compression="tiff_lzw")
        assert read_image(path).shape == (HEIGHT, WIDTH, 3)
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)  # a camera held upright
    turned.save(path, exif=exif, compression="tiff_adobe_deflate")
    assert image_size(path) == (WIDTH, HEIGHT)
    assert_flag(read_image(path), 0)
    data = bytearray(path.read_bytes())
    for broken in (data[: len(data) // 2], data[:20] + bytes(200) + data[220:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"a.tif: .*\.$"):
            read_image(path)


def test_16_bits_of_a_tiff_become_8(tmp_path):
    grey = np.full((HEIGHT, WIDTH), 200 * 256 + 17, np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.tif")
    assert (read_image(tmp_path / "a.tif") == 200).all()


def test_the_first_bytes_tell_the_format_not_the_name(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(flag()).save(path, format="PNG")
    assert_flag(read_image(path), 0)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("P", "png"), ("RGBA", "png"), ("CMYK", "jpg")]
)
def test_colour_modes(tmp_path, mode, suffix):
    image = Image.fromarray(flag())
    if mode == "P":
        image = image.quantize(8)
    elif mode == "RGBA":
        image.putalpha(60)  # dropped: the stored colours stay
    else:
        image = image.convert(mode)
    image.save(tmp_path / f"a.{suffix}", quality=98)
    assert_flag(read_image(tmp_path / f"a.{suffix}"), 25 if mode == "CMYK" else 3)


@pytest.mark.parametrize("kind", ["grey", "16 bit", "1 bit", "grey and alpha"])
def test_grey_becomes_three_equal_channels(tmp_path, kind):
    ramp = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    path = tmp_path / "a.png"
    if kind == "16 bit":
        cv2.imwrite(str(path), ramp.astype(np.uint16) * 257)
    elif kind == "1 bit":
        ramp = (ramp > 127).astype(np.uint8) * 255
        Image.fromarray(ramp).convert("1").save(path)
    else:
        mode = "L" if kind == "grey" else "LA"
        Image.fromarray(ramp).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(image.astype(int) - ramp[..., None]).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_orientation(tmp_path, orientation, suffix):
    """Stored turned, so that turning by the tag gives the flag back."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(np.repeat(np.repeat(flag(), 8, axis=0), 8, axis=1))
    stored = image.transpose(back[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, quality=95)
    assert image_size(path) == (8 * WIDTH, 8 * HEIGHT)
    assert read_image(path).shape == (8 * HEIGHT, 8 * WIDTH, 3)
    small = cv2.resize(read_image(path, 80), (WIDTH, HEIGHT))
    assert_flag(small, 25)


@pytest.mark.parametrize(
    ("min_side", "height"),
    [(0, 640), (640, 640), (321, 640), (320, 320), (160, 160), (80, 80), (1, 80)],
)
def test_large_jpegs_come_smaller_but_not_below_min_side(tmp_path, min_side, height):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((640, 800, 3), np.uint8))
    assert read_image(tmp_path / "a.jpg", min_side).shape[0] == height


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("min_side", [0, 80])
def test_decoding_to_rgb_equals_converting_after(tmp_path, monkeypatch, mode, min_side):
    noise = np.random.default_rng(0).integers(0, 256, (160, 240, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "a.jpg", quality=90)
    straight = read_image(tmp_path / "a.jpg", min_side)
    monkeypatch.setattr(images, "DECODES_RGB", False)
    np.testing.assert_array_equal(straight, read_image(tmp_path / "a.jpg", min_side))


@pytest.mark.parametrize("suffix", [s[1:] for s in images.SUFFIXES])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98])
def test_cut_files_are_refused_by_name(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(ValueError, match=r"cut\.") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_cut_jpeg_with_a_whole_thumbnail_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path)
    raw = path.read_bytes()
    block = b"Exif\0\0" + raw  # holds an end-of-image mark of its own
    app1 = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    path.write_bytes(raw[:2] + app1 + raw[2:])
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)
    path.write_bytes(raw[:2] + app1 + raw[2 : len(raw) // 2])
    with pytest.raises(ValueError, match="cut off"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"GIF89a" + b"\0" * 50])
def test_other_files_are_no_images(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for function in (image_size, read_image):
        with pytest.raises(ValueError, match=r"a\.jpg: not an image of a known"):
            function(path)
    with pytest.raises(ValueError, match="can't be read"):
        read_image(tmp_path / "missing.jpg")


def test_too_large_is_refused_before_decoding(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 20_000)).save(path)
    for function in (image_size, read_image):
        with pytest.raises(ValueError, match=r"a\.png"):
            function(path)
    Image.new("RGB", (20, 20)).save(path)
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="at most 10 bytes are read"):
        read_image(path)


def claim(path, side):
    """Let a small JPEG or PNG say that it is `side` pixels wide and high."""
    raw = bytearray(path.read_bytes())
    if path.suffix == ".png":  # length, IHDR, width, height, five bytes, CRC
        raw[16:24] = struct.pack(">II", side, side)
        raw[29:33] = struct.pack(">I", zlib.crc32(raw[12:29]))
    else:  # start of frame: marker, length, depth, height, width
        at = raw.index(b"\xff\xc0")
        raw[at + 5 : at + 9] = struct.pack(">HH", side, side)
    path.write_bytes(raw)


@pytest.mark.parametrize("side", [9_700, 12_000, 60_000])
def test_pillow_has_no_word_of_its_own_about_large_images(tmp_path, side):
    path = tmp_path / "large.png"
    Image.fromarray(flag()).save(path)
    claim(path, side)
    code = f"""
from base.command_line import run_script
from data import image_size
run_script("x", lambda _: print(image_size({str(path)!r})), None)
"""
    command = [sys.executable, "-W", "always", "-c", code]
    root = Path(__file__).parents[2]  # a new process: pytest has filters of its own
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert ("(9700, 9700)" if side == 9_700 else "x: ") in line
    assert side == 9_700 or "large.png" in line


def test_too_little_memory_is_no_broken_image(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(flag()).save(path)

    def imdecode(*_):
        error = cv2.error("Insufficient memory")
        error.code, error.err = cv2.Error.StsNoMem, "Failed to allocate"
        raise error

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    with pytest.raises(MemoryError, match=r"a\.png"):
        read_image(path)


@pytest.mark.filterwarnings("ignore:Image size")  # pytest undoes those of modules
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_huge_image_is_refused_before_memory_is_taken(tmp_path, suffix):
    path = tmp_path / f"bomb.{suffix}"
    Image.fromarray(flag()).save(path)
    claim(path, 50)
    assert image_size(path) == (50, 50)  # the claim is understood
    claim(path, 12_000)  # below Pillow's own limit
    with pytest.raises(ValueError, match=r"12000x12000 pixels, at most 100000000"):
        read_image(path)
    claim(path, 60_000)
    tracemalloc.start()
    for read in (image_size, read_image):
        with pytest.raises(ValueError, match=r"bomb.*3600000000 pixels"):  # Pillow
            read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
