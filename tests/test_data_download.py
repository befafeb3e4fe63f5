"""Downloads and data sets by name, from a server on 127.0.0.1."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data import download, named, read_dataset
from tests.test_data_coco import BOXES, write_json
from tests.voc_files import write_voc

BOX = ("cat", (11, 5, 40, 20))


class Files(BaseHTTPRequestHandler):
    """Serves `server.files`, with ranges; `server.cut` bytes, then breaks off."""

    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        wanted, start = self.headers.get("Range"), 0
        if wanted and self.server.has_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cut or len(content)
        self.server.cut = None
        self.wfile.write(content[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.files, server.ranges, server.cut, server.has_ranges = {}, [], None, True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


CONTENT = bytes(range(256)) * 40
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("hash_hex", [MD5, SHA256.upper(), None])
def test_a_file_is_fetched_once(server, tmp_path, hash_hex):
    server.files["/a/b%20c.bin"] = CONTENT
    for _ in range(2):
        path = download.fetch(f"{server.url}/a/b%20c.bin", hash_hex, tmp_path / "new")
        assert path == tmp_path / "new" / "b c.bin" and path.read_bytes() == CONTENT
    assert len(server.ranges) == 1
    assert [p.name for p in path.parent.iterdir()] == ["b c.bin"]


@pytest.mark.parametrize("has_ranges", [True, False])
def test_what_broke_off_goes_on(server, tmp_path, has_ranges):
    server.files["/x.bin"], server.cut, server.has_ranges = CONTENT, 3000, has_ranges
    with pytest.raises(ValueError, match=r"x\.bin: can't be reached") as error:
        download.fetch(f"{server.url}/x.bin", SHA256, tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / "x.bin").exists()
    assert (tmp_path / "x.bin.part").stat().st_size == 3000
    path = download.fetch(f"{server.url}/x.bin", SHA256, tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=3000-"]


def test_a_part_that_is_whole_is_only_checked(server, tmp_path):
    server.files["/x.bin"] = CONTENT
    (tmp_path / "x.bin.part").write_bytes(CONTENT)
    assert download.fetch(f"{server.url}/x.bin", MD5, tmp_path).read_bytes() == CONTENT


def test_other_content_is_refused_and_removed(server, tmp_path):
    server.files["/x.bin"] = CONTENT[:-1] + b"?"
    with pytest.raises(ValueError, match=f"expected the hash {MD5}"):
        download.fetch(f"{server.url}/x.bin", MD5, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_network_and_no_file_are_one_line(server, tmp_path):
    with pytest.raises(ValueError, match="none: the server answered 404"):
        download.fetch(f"{server.url}/none", None, tmp_path)
    with pytest.raises(ValueError, match=r"can't be reached.*Without a network, put"):
        download.fetch("http://127.0.0.1:9/x.bin", None, tmp_path)


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
    (tar_of({"a": b"1", "../out": b"2"}), "leads out"),
    (tar_of({"a": b"1", "/tmp/out": b"2"}), "leads out"),
    (tar_of({"a": b"1", "b/..\\..\\out": b"2"}), "leads out"),
    (tar_of({"a": b"1", ".": b"2"}), "leads out"),
    (tar_of({"a": (tarfile.SYMTYPE, "/etc"), "a/out": b"2"}), "neither file nor"),
    (tar_of({"a": (tarfile.LNKTYPE, "../out")}), "neither file nor"),
    (tar_of({"a": (tarfile.FIFOTYPE, "")}), "neither file nor"),
    (zip_of({"a": b"1", "../out": b"2"}), "leads out"),
    (zip_of({"a": b"1", "C:/out": b"2"}), "leads out"),
    (tar_of({"a": b"1" * 4000})[:2000], "broken archive"),
    (b"no archive", "broken archive"),
]


@pytest.mark.parametrize(("content", "words"), HOSTILE)
def test_hostile_archives_leave_nothing(tmp_path, content, words):
    archive = tmp_path / "x"
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        download.unpack(archive, tmp_path / "deep" / "set")
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert left == [archive] and not list((tmp_path / "deep" / "set").iterdir())


def test_an_archive_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_UNPACKED", 10)
    for make in (tar_of, zip_of):
        (tmp_path / "x").write_bytes(make({"a": b"123456", "b": b"12345"}))
        with pytest.raises(ValueError, match="more than 10 bytes"):
            download.unpack(tmp_path / "x", tmp_path / "set")


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
        write_json(path, names, BOXES, pictures=coco / f"{split}2017")
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
    monkeypatch.setattr(named, "SETS", tmp_path / "sets")


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
        assert [picture.path.stem for picture in dataset.pictures] == list(stems)
        assert not dataset.problems and not dataset.split_was_made
    archives = named.NAMED[name][0]
    assert len(server.ranges) == len(archives)  # each is fetched once
    left = [p.suffix for p in (tmp_path / "sets").rglob("*") if p.is_file()]
    assert not {".tar", ".zip", ".part"} & set(left)


def test_an_unknown_name_tells_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="voc0712, coco2017; closest: voc2007"):
        read_dataset("voc207", "train")


def test_the_table_holds_real_addresses_and_hashes():
    for archive in named.ARCHIVES.values():
        assert archive.url.startswith(("http://host.robots.ox", "http://images.coco"))
        assert len(bytes.fromhex(archive.hash_hex)) in (16, 32)
