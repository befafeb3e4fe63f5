"""Mutated files: taken, or refused in one line; more of them: benchmarks/fuzz.py."""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.readers import TARGETS

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


def test_the_sound_file_is_read(target):
    read, sound, path = target
    path.write_bytes(sound)
    read(path)


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
