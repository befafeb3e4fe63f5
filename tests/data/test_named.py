"""Archives and data sets by name, from a server on 127.0.0.1."""

import hashlib
import io
import json
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from base.download import cache_folder
from base.errors import UserError
from data import read_dataset
from data.downloads import named, unpack
from tests.data.readers.coco.test_coco import BOXES, write_json
from tests.helpers.voc_files import write_voc

BOX = ("cat", (11, 5, 40, 20))


def tar_of(members):
    """A tar file: names with content, or TarInfo."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                tar.addfile(info)
    return target.getvalue()


def zip_of(members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return target.getvalue()


HOSTILE = [
    (tar_of({"a": b"1", "../out": b"2"}), "refused: '../out' would be extracted to"),
    (tar_of({"a": b"1", ".": b"2"}), "broken archive"),
    (tar_of({"a": b"1", "a/b": b"2"}), "broken archive"),
    (zip_of({"a": b"1", "a/b": b"2"}), "broken archive"),
    (tar_of({"a": (tarfile.SYMTYPE, "/etc"), "a/out": b"2"}), "refused: 'a' is a link"),
    (tar_of({"a": (tarfile.SYMTYPE, "../..")}), "refused: 'a' would link to"),
    (tar_of({"a": (tarfile.LNKTYPE, "../out")}), "refused: 'a' would link to"),
    (tar_of({"a": (tarfile.FIFOTYPE, "")}), "refused: 'a' is a special file"),
    (tar_of({"a": b"1" * 4000})[:2000], "broken archive"),
    (b"no archive", "broken archive"),
]


@pytest.mark.parametrize(("content", "words"), HOSTILE)
def test_hostile_archives_leave_nothing(tmp_path, content, words):
    archive = tmp_path / "x"
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        unpack.unpack(archive, tmp_path / "deep" / "set")
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert left == [archive] and not list((tmp_path / "deep" / "set").iterdir())


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize("name", ["/tmp/out", "C:/out", "b/..\\..\\out", "../out"])
def test_no_name_leads_out_of_the_folder(tmp_path, make, name):
    archive = tmp_path / "x"
    archive.write_bytes(make({"a": b"1", name: b"2"}))
    with suppress(UserError):
        unpack.unpack(archive, tmp_path / "deep" / "set")
    left = [p for p in tmp_path.rglob("*") if p.is_file() and p != archive]
    assert all(tmp_path / "deep" / "set" in path.parents for path in left)
    assert not Path("/tmp/out").exists()


def test_an_archive_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 10)
    for make in (tar_of, zip_of):
        (tmp_path / "x").write_bytes(make({"a": b"123456", "b": b"12345"}))
        with pytest.raises(ValueError, match="more than 10 bytes"):
            unpack.unpack(tmp_path / "x", tmp_path / "set")


def files_of(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.fixture
def small_archives(server, tmp_path, monkeypatch):
    """Archives with the structure of the real ones, served; the table points there."""
    devkit = tmp_path / "made" / "VOCdevkit"
    lists = {"train": ["a"], "val": ["b"], "trainval": ["a", "b"]}
    write_voc(tmp_path / "t" / "VOCdevkit" / "VOC2007", {"t": [BOX]}, {"test": ["t"]})
    write_voc(devkit / "VOC2007", {"a": [BOX], "b": [BOX]}, lists)
    year12 = tmp_path / "12" / "VOCdevkit" / "VOC2012"
    write_voc(year12, {"c": [BOX]}, {"train": ["c"], "val": [], "trainval": ["c"]})
    coco = tmp_path / "coco"
    for split in ("train", "val"):
        path = coco / "annotations" / f"instances_{split}2017.json"
        names = [f"{split}1.png", f"{split}2.png"]
        write_json(path, names, BOXES, image_folder=coco / f"{split}2017")
        (path.parent / f"captions_{split}2017.json").write_text(json.dumps({"a": 1}))
    coco_files = files_of(coco)
    contents = {
        "voc2007_trainval": tar_of(files_of(tmp_path / "made")),
        "voc2007_test": tar_of(files_of(tmp_path / "t")),
        "voc2012_trainval": tar_of(files_of(tmp_path / "12")),
    }
    for part in ("annotations", "val", "train"):
        inside = {n: c for n, c in coco_files.items() if n.startswith(part)}
        contents[f"coco2017_{part}"] = zip_of(inside)
    assert set(contents) == set(named.ARCHIVES)
    for name, content in contents.items():
        path = named.ARCHIVES[name].url.rpartition("/")[2]
        server.files[f"/{path}"] = content
        archive = named.ARCHIVES[name]._replace(
            url=f"{server.url}/{path}", hash_hex=hashlib.md5(content).hexdigest()
        )
        monkeypatch.setitem(named.ARCHIVES, name, archive)
    monkeypatch.setenv("SSD300_CACHE", str(tmp_path))


SPLITS = [
    ("voc2007", {"train": "a", "val": "b", "trainval": "ab", "test": "t"}),
    ("voc0712", {"train": "ac", "val": "b", "trainval": "abc", "test": "t"}),
    ("coco2017", {"train": ["train1", "train2"], "val": ["val1", "val2"]}),
]


@pytest.mark.usefixtures("small_archives")
@pytest.mark.parametrize(("name", "splits"), SPLITS)
def test_named_data_sets_have_their_official_splits(server, tmp_path, name, splits):
    for split, stems in splits.items():
        dataset = read_dataset(name, split)
        assert [sample.path.stem for sample in dataset.samples] == list(stems)
        assert not dataset.problems and not dataset.split_was_made
    archives = named.NAMED[name][0]
    assert len(server.ranges) == len(archives)  # each is fetched once
    left = [p.suffix for p in (tmp_path / "sets").rglob("*") if p.is_file()]
    assert not {".tar", ".zip", ".part"} & set(left)


@pytest.mark.usefixtures("small_archives")
def test_sets_of_earlier_versions_are_found(server, tmp_path, monkeypatch):
    before = named.download_dataset("voc2007")
    assert before == [tmp_path / "sets/voc/VOCdevkit/VOC2007"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "sets").rename(tmp_path / "data/sets")
    monkeypatch.setenv("SSD300_CACHE", str(tmp_path / "elsewhere"))
    assert named.download_dataset("voc2007") == [Path("data/sets", named.VOC2007)]
    assert len(server.ranges) == 2 and not (tmp_path / "elsewhere").exists()
    named.download_dataset("voc0712")  # of which the old place has a part
    assert (tmp_path / "elsewhere/sets" / named.VOC2012).is_dir()


def test_where_the_cache_is(monkeypatch):
    monkeypatch.delenv("SSD300_CACHE", raising=False)
    assert cache_folder() == Path.home() / ".cache/ssd300"


def test_an_unknown_name_tells_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="voc0712, coco2017; closest: voc2007"):
        read_dataset("voc207", "train")


def test_the_table_holds_real_addresses_and_hashes():
    for archive in named.ARCHIVES.values():
        assert archive.url.startswith(("http://host.robots.ox", "http://images.coco"))
        assert len(bytes.fromhex(archive.hash_hex)) in (16, 32)
