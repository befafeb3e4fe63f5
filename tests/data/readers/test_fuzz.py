"""Mutated files: taken, or refused in one line; more of them: benchmarks/fuzz.py."""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.cost.readers import TARGETS

STAMPS = iter(range(10**9))  # no cache takes an input for the one before


@pytest.fixture(scope="module", params=TARGETS)
def target(request, tmp_path_factory):
    """Reader, sound bytes, where to write."""
    read, suffix, seed = TARGETS[request.param]
    return read, seed(), tmp_path_factory.mktemp("fuzz") / f"input{suffix}"


def check(target, data):
    read, _, path = target
    path.write_bytes(data)
    stamp = next(STAMPS)
    os.utime(path, ns=(stamp, stamp))
    try:
        read(path)
    except ValueError as error:
        assert "\n" not in str(error)


def mutated(sound, changes):
    """Bytes replaced, cut out or put in."""
    data = bytearray(sound)
    for kind, place, content in changes:
        at = place % (len(data) + 1)
        end = at + (0 if kind == "insert" else max(len(content), 1))
        data[at:end] = b"" if kind == "erase" else content
    return bytes(data)


def summary(content):
    """Of what a reader gave."""
    if isinstance(content, dict):
        return {name: (array.shape, array.sum()) for name, array in content.items()}
    return content


BOX_PX = (5.0, 6.0, 30.0, 30.0)
SOUND = {  # what benchmarks.cost.readers writes
    "xml": ("a.png", (60, 40), (("cat", BOX_PX, False),) * 2),
    "coco": ["cat", "dog"],
    "labelme": ["cat", "cat", "dog"],
    "label_studio": ["cat", "dog", "dog"],
    "json_min": ["cat", "dog", "dog"],
    "cvat": ["cat", "dog", "dog", "cat", "cat"],
    "via": ["cat"] * 4,
    "via3": ["cat", "dog"],
    "via_csv": ["cat", "cat"],
    "hdf5": {"conv1/bias": ((4,), 0.0), "conv1/kernel": ((3, 3, 3, 4), 108.0)},
    "pth": {"weight": ((4,), 6.0)},  # 0 + 1 + 2 + 3
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_sound_file_is_read(name, tmp_path):
    read, suffix, seed = TARGETS[name]
    path = tmp_path / f"input{suffix}"
    path.write_bytes(seed())
    assert summary(read(path)) == SOUND[name]


CHANGE = st.tuples(
    st.sampled_from(["replace", "insert", "erase"]),
    st.integers(0, 2**16),
    st.binary(max_size=9),
)


@settings(
    max_examples=150,
    deadline=2000,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.lists(CHANGE, min_size=1, max_size=6))
@example(changes=[("replace", 0, b"")])
def test_mutations(target, changes):
    check(target, mutated(target[1], changes))


def test_each_byte_erased(target):
    # found so: a zip whose directory then lies before the file's start
    sound = target[1]
    for at in range(min(len(sound), 1000)):
        check(target, sound[:at] + sound[at + 1 :])
