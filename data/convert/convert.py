"""Rewrites a data set in another format.

    python -m data convert my_coco out --to yolo
    python -m data convert VOCdevkit instances --to coco

Splits stay what they are; where the files tell none, none is made. Images are copied
as they are. What the new format has no word for is counted.
"""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from base.command_line import Parser, run_script
from base.errors import UserError
from data.convert import writers
from data.readers.annotation import Annotated, AnnotationSource
from data.readers.assemble import names_of, read_chosen
from data.readers.recognise import open_dataset
from data.readers.splits import SPLITS, SplitAssignment

WRITERS = {name: getattr(writers, f"write_{name}") for name in writers.FOLDERS}


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    parser = Parser("python -m data convert", __doc__)
    parser.add_argument("source", metavar="IN", help="a folder or annotation file")
    parser.add_argument("output", metavar="OUT", help="a new folder")
    parser.add_argument("--to", required=True, choices=WRITERS, help="its format")
    return run_script("python -m data convert", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    for line in convert(args.source, args.output, args.to):
        print(line)


def convert(source: Path | str, output: Path | str, to: str) -> Iterator[str]:
    """Write the data set at `source` into the new folder `output`; lines to show.

    to: a key of WRITERS. UserError where `output` holds something already.
    """
    out = Path(output)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} already holds something; name a new folder.")
    sources, notes = open_dataset(source)
    yield from (f"  {note}" for note in notes)
    class_names = names_of(sources)
    parts: dict[str | None, list[Annotated]] = {}
    for split, keys in _parts(sources).items():
        chosen = SplitAssignment(keys, [], made=False)
        # annotations stay as they are read
        dataset = read_chosen(chosen, split or "all", class_names, lambda a, _: a)
        yield f"{split or 'no split'}: {len(dataset)} images"
        yield from (f"  {line}" for line in dataset.problems)
        parts[split] = dataset.samples
    if not any(parts.values()):
        raise UserError(f"{source}: no usable image in it.")
    named = _name_images(parts)
    paths = [a.path for images in parts.values() for a in images]
    if odd := [path for path in paths if _as_text(path.name) != path.name]:
        shown = ascii(odd[0].name)
        yield f"  {len(odd)} names of files are not UTF-8, such as {shown}: escaped"
    for what, count in WRITERS[to](out, named, class_names).items():
        if count:
            yield f"  {count} {what} left out: the format has no word for them."
    images = writers.each_image(named)
    difficult = sum(item.difficult for _, a in images for item in a.objects)
    if difficult and to != "voc":
        yield f"  {difficult} objects lose their mark difficult: only VOC has it."
    total = sum(map(len, named.values()))
    with tqdm(total=total, unit="image", disable=None) as progress:
        for split, samples in named.items():
            folder = writers.image_folder(out, to, split)
            folder.mkdir(parents=True, exist_ok=True)
            for name, annotated in samples.items():
                shutil.copyfile(annotated.path, folder / name)
                progress.update()
    yield f"{out}: {to}, {total} images, {len(class_names)} classes"


def _parts(
    sources: Sequence[AnnotationSource],
) -> dict[str | None, list[tuple[AnnotationSource, list[str]]]]:
    """Keys of train, val and test of each source, without overlap; None: no splits.

    What trainval has beyond train and val goes to the one that has no list.
    """
    parts: dict[str | None, list[tuple[AnnotationSource, list[str]]]] = {}
    for source in sources:
        known = [name for name in source.lists if name in SPLITS]
        lists = {name: source.keys(name) for name in known}
        both = set(lists.get("train", [])) | set(lists.get("val", []))
        rest = [key for key in lists.pop("trainval", []) if key not in both]
        if rest:
            to = "val" if "train" in lists and "val" not in lists else "train"
            lists[to] = [*lists.get(to, []), *rest]
        for split, keys in (lists or {None: source.keys(None)}).items():
            parts.setdefault(split, []).append((source, keys))
    return parts


def _name_images(
    parts: dict[str | None, list[Annotated]],
) -> dict[str | None, dict[str, Annotated]]:
    """File names that no other image's annotation shares: folders come before."""
    taken: set[str] = set()
    named: dict[str | None, dict[str, Annotated]] = {}
    for split, images in parts.items():
        named[split] = {}
        for annotated in images:
            path = Path(os.path.abspath(annotated.path))  # noqa: PTH100, links stay
            name, folder = _as_text(path.name), path.parent
            while Path(name).stem.lower() in taken and folder.name:
                # without dots in front: readers pass over hidden files
                name = f"{_as_text(folder.name)}_{name}".lstrip(".")
                folder = folder.parent
            taken.add(Path(name).stem.lower())
            named[split][name] = annotated
    return named


def _as_text(name: str) -> str:
    """A file name that every format can write: bytes that are not UTF-8 as %FC."""
    return "".join(
        f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in name
    )
