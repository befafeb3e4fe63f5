"""Find objects in images, videos and cameras, and draw them.

    python detect.py image.jpg                       # 20 everyday classes
    python detect.py my_folder --weights runs/mine/best.weights.h5
    python detect.py street.jpg --weights coco       # 80 everyday classes
    python detect.py clip.mp4 'more/*.jpg' --every 2 --json found.json
    python detect.py 0 --show                        # a webcam
    python detect.py large.jpg --tile                # small objects in large images

Prints a line per object of an image and writes all, with boxes, into detections/.
"""

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from base.command_line import Parser, run_script, split_names, tile_side
from base.errors import UserError, did_you_mean
from base.keras_setup import keep_weights_in_order
from models.weights.hub import DEFAULT

if TYPE_CHECKING:
    import numpy as np
    from tqdm import tqdm

    from inference.sources import Frame

WAITING = 4  # ours: frames that wait to be drawn and written


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("detect.py", __doc__)
    # fmt: off
    parser.add_argument("sources", nargs="+", metavar="SOURCE",
        help="images, folders, patterns, text files of paths, videos, a camera's "
        "number, rtsp:// and http:// streams")
    group = parser.add_argument_group("detector")
    group.add_argument("--weights", default=str(DEFAULT), metavar="FILE|voc|coco",
        help="a detector of train.py's or what export.py made of one, or a published "
        "SSD300; voc and coco are fetched once; default: the one in weights/, of 20 "
        "everyday classes")
    group.add_argument("--threshold", type=float, metavar="T",
        help="least score, 0..1; for fewer false alarms higher, for fewer missed "
        "objects lower; default: the weights file's, that of best F1")
    group.add_argument("--classes", metavar="A,B,...",
        help="only these; for a detector that knows more than you look for; default: "
        "all")
    group.add_argument("--top-k", type=int, default=200, metavar="K",
        help="at most so many objects an image; for crowded images; "
        "default: %(default)s")
    group.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="images at a time; for little memory smaller; default: %(default)s")
    group.add_argument("--every", type=int, default=1, metavar="N",
        help="look at every Nth frame of a video, keep its boxes for those between; "
        "for a slow processor; default: %(default)s")
    group.add_argument("--tile", type=tile_side, nargs="?", const=True, metavar="N",
        help="cut large images into tiles of N pixels, without N as large as the "
        "images of the training; for small objects in large images; default: whole "
        "images")
    group = parser.add_argument_group("output")
    group.add_argument("--output", default="detections", metavar="FOLDER",
        help="where images and videos go; default: %(default)s")
    group.add_argument("--json", metavar="FILE",
        help="write all boxes there, as COCO results with file names; - is standard "
        "output, everything else then goes to standard error")
    group.add_argument("--save-txt", action="store_true",
        help="YOLO labels, in labels/ of the output; for annotation tools")
    group.add_argument("--save-crops", action="store_true",
        help="what each box shows, in crops/CLASS/ of the output; for another "
        "classifier, or to sort by hand")
    group.add_argument("--show", action="store_true",
        help="open a window, q or Esc ends; for a camera")
    group.add_argument("--quiet", action="store_true",
        help="say nothing but what goes wrong; for scripts")
    # fmt: on
    args = parser.parse_args(argv)
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        parser.error("--threshold must be from 0 to 1")
    parser.check_above_0(args, "top_k", "batch_size", "every", "tile")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend; 130 after Ctrl-C."""
    return run_script(
        "detect.py", run, parse(argv), "stopped; what was found is written."
    )


def run(args: argparse.Namespace) -> int:
    """Read, detect, draw, write; 2 where nothing could be read."""
    from base.background import BackgroundWriter
    from base.files import new_file
    from inference.sources import count_frames, find_sources, read_frames
    from reports import check_display, show

    sources = find_sources(args.sources)
    if args.show:
        check_display()
    if args.json not in (None, "-"):
        new_file("--json", args.json, ".json")
    import inference

    options = (args.top_k, args.batch_size, args.tile or False)
    detector = inference.load(args.weights, args.threshold, *options)
    wanted = class_ids(args.classes, detector.class_names)
    import numpy as np
    from tqdm import tqdm

    from inference.outputs import Outputs
    from inference.stream import detect_frames

    out = sys.stderr if args.json == "-" else sys.stdout
    bar = tqdm(unit=" frames", disable=True if args.quiet else None)
    bar.total = None if bar.disable else count_frames(sources)
    broken: list[str] = []

    def report_unreadable(line: str) -> None:
        broken.append(line)
        bar.write(line, file=sys.stderr)

    forms = (args.json, args.save_txt, args.save_crops, report_unreadable)
    outputs = Outputs(Path(args.output), detector.class_names, *forms)
    num_objects = num_frames = 0
    started = time.perf_counter()
    frames = read_frames(sources, report_unreadable)
    with outputs, bar, closing(BackgroundWriter(outputs.write, WAITING)) as writer:
        for frame, detections in detect_frames(detector, frames, args.every):
            detections = detections[np.isin(detections[:, 0], wanted)]
            num_objects, num_frames = num_objects + len(detections), num_frames + 1
            if not (args.quiet or frame.fps):
                print_objects(bar, frame, detections, detector.class_names, out)
            if not args.show:
                writer.put(frame, detections)
            elif not show(outputs.write(frame, detections), is_still=not frame.fps):
                break
            bar.update()
    if not args.quiet:
        seconds = time.perf_counter() - started
        print(
            f"{num_objects} objects of score {detector.threshold:.3f} or more in "
            f"{num_frames} images, drawn in {args.output}/; {seconds:.1f} s, "
            f"{num_frames / seconds:.1f} a second"
            + (f"; {len(broken)} could not be read whole" if broken else ""),
            file=sys.stderr,
        )
        if num_frames and not num_objects:
            known = ", ".join(detector.class_names[at - 1] for at in wanted)
            print(f"no objects found; this detector knows: {known}", file=sys.stderr)
    return 0 if num_frames else 2


def class_ids(names: str | None, class_names: list[str]) -> list[int]:
    """Indices from 1 of the classes that --classes names; all without it."""
    given = split_names(names)
    for name in given:
        if name not in class_names:
            raise UserError(
                f"--classes {name}: this detector knows {', '.join(class_names)}."
                f"{did_you_mean(name, class_names)}"
            )
    return [class_names.index(name) + 1 for name in given or class_names]


def print_objects(
    bar: "tqdm",
    frame: "Frame",
    detections: "np.ndarray",
    class_names: list[str],
    out: TextIO,
) -> None:
    """A line per object: file, class, score, corners in pixels of the image."""
    from base.boxes import to_whole_pixels

    size_wh = (frame.image.shape[1], frame.image.shape[0])
    rows = zip(detections, to_whole_pixels(detections[:, 2:], size_wh), strict=True)
    for (class_id, score, *_), corners in rows:
        name = class_names[int(class_id) - 1]
        place = " ".join(map(str, corners))
        bar.write(f"{frame.source}: {name} {score:.2f} {place}", file=out)


if __name__ == "__main__":
    keep_weights_in_order()
    sys.exit(main())
