"""The doctor's checks that open every image: broken ones, and the same one twice."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from data.dataset import Dataset
from data.doctor.findings import Finding, findings
from data.images import read_image
from data.progress import map_in_threads

THUMBNAIL = 32  # ours: pixels, to compare images by
HASH_BITS = 4  # ours: of 64; resized or compressed again, images differ by less
NEARLY = 6.0  # ours: mean difference of thumbnails, of 255 grey levels
CHUNK = 512  # ours: images compared with all others at a time
READ_THREADS = 4  # ours: OpenCV decodes without Python's lock


class Look(NamedTuple):
    """What is kept of an image: of its bytes, its shape and itself in small."""

    digest: bytes
    bits: np.ndarray  # uint8 (8,): whether grey rises to the right, in 8 rows of 8
    thumbnail: np.ndarray  # float32 (THUMBNAIL, THUMBNAIL)


def check_images(datasets: Sequence[Dataset]) -> list[Finding]:
    """Findings about the pixels of all splits' images."""
    # a list may name one file in two splits, so paths alone do not do
    places = list(dict.fromkeys((d.split, p.path) for d in datasets for p in d.samples))
    seen, looks, broken = [], [], []
    paths = [path for _, path in places]
    found = map_in_threads(_look, paths, "images looked at", READ_THREADS)
    for place, look in zip(places, found, strict=True):
        if isinstance(look, str):
            broken.append(look)
        else:
            seen.append(place)
            looks.append(look)
    same = {True: [], False: []}  # in two splits?
    near = []
    for a, b, is_same in _pairs(looks):
        (first_split, first), (second_split, second) = seen[a], seen[b]
        apart = first_split != second_split
        splits = f"{first_split} {first}, {second_split} {second}"
        if is_same:
            same[apart].append(splits)
        elif apart:
            near.append(splits)
    return [
        *findings("image-broken", "error", "images that can't be decoded", broken),
        *findings("two-splits", "error", "same file in two splits", same[True]),
        *findings("nearly-two-splits", "warning", "nearly same, two splits", near),
        *findings("same-file", "warning", "same file twice in a split", same[False]),
    ]


def _look(path: Path) -> Look | str:
    """What is kept of an image, or what is wrong with it."""
    try:
        grey = cv2.cvtColor(read_image(path, 2 * THUMBNAIL), cv2.COLOR_RGB2GRAY)
        digest = hashlib.sha256(path.read_bytes()).digest()
    except (ValueError, OSError) as error:
        return str(error)
    size = (THUMBNAIL, THUMBNAIL)
    thumbnail = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # "dHash", Krawetz, "Kind of like that", 2013
    rows = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    bits = np.packbits(rows[:, 1:] > rows[:, :-1])
    return Look(digest, bits, thumbnail.astype(np.float32))


def _pairs(looks: Sequence[Look]) -> Iterator[tuple[int, int, bool]]:
    """Positions of images that are nearly the same, and whether their bytes are."""
    if not looks:
        return
    octets = np.stack([look.bits for look in looks])  # (N, 8)
    ones = np.array([bin(value).count("1") for value in range(256)], np.uint8)
    for start in range(0, len(octets), CHUNK):
        block = octets[start : start + CHUNK, None] ^ octets[None, start:]
        close = ones[block].sum(axis=-1) <= HASH_BITS  # (CHUNK or fewer, rest)
        for row, column in zip(*np.nonzero(np.triu(close, 1)), strict=True):
            a, b = start + int(row), start + int(column)
            is_same = looks[a].digest == looks[b].digest
            gap = np.abs(looks[a].thumbnail - looks[b].thumbnail).mean()
            if is_same or gap <= NEARLY:
                yield a, b, is_same
