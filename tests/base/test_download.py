"""Files from a server on 127.0.0.1: once, resumed, checked."""

import hashlib

import pytest

from base import download

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


def test_another_file_of_that_name_is_refused_and_kept(server, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"mine")
    with pytest.raises(ValueError, match="Move it away"):
        download.fetch(f"{server.url}/x.bin", SHA256, tmp_path)
    assert (tmp_path / "x.bin").read_bytes() == b"mine" and not server.ranges


def test_no_network_and_no_file_are_one_line(server, tmp_path):
    with pytest.raises(ValueError, match="none: the server answered 404"):
        download.fetch(f"{server.url}/none", None, tmp_path)
    with pytest.raises(ValueError, match=r"can't be reached.*Without a network, put"):
        download.fetch("http://127.0.0.1:9/x.bin", None, tmp_path)
