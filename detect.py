"""Find objects in pictures and draw them.

    python detect.py image.jpg                       # the demo's shapes
    python detect.py my_folder --weights runs/mine/best.weights.h5
    python detect.py a.jpg b.png --weights W --threshold 0.3 --json found.json

Prints a line per object and writes the pictures, with boxes, into detections/.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from models.detector import Detector

DEMO_WEIGHTS = Path(__file__).parent / "weights" / "shapes_squeezenet_light.weights.h5"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = argparse.ArgumentParser(
        prog="detect.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # fmt: off
    parser.add_argument("paths", nargs="+", metavar="PATH", help="pictures, folders")
    parser.add_argument("--weights", default=str(DEMO_WEIGHTS), metavar="FILE",
        help="a detector of train.py's; default: the one of the demo set")
    parser.add_argument("--threshold", type=float, metavar="T",
        help="least score, 0..1; default: the weights file's, that of best F1")
    parser.add_argument("--top-k", type=int, default=200, metavar="K",
        help="at most so many objects a picture; default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="pictures at a time; default: %(default)s")
    parser.add_argument("--json", metavar="FILE",
        help="write all boxes there, as COCO results with file names")
    parser.add_argument("--output", default="detections", metavar="FOLDER",
        help="where the drawn pictures go; default: %(default)s")
    # fmt: on
    args = parser.parse_args(argv)
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        parser.error("--threshold must be from 0 to 1")
    if args.top_k <= 0 or args.batch_size <= 0:
        parser.error("--top-k and --batch-size must be above 0")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    args = parse(argv)
    try:
        return run(args)
    except (ValueError, OSError) as error:
        print(f"detect.py: {error}", file=sys.stderr)
        return 2


def run(args: argparse.Namespace) -> int:
    """Read, detect, draw, write; 2 where no picture could be read."""
    from data import list_pictures
    from evaluation import write_predictions
    from reports import write_picture
    from training import import_keras
    from training.runs import output_file

    json_file = output_file("--json", args.json, ".json") if args.json else None
    paths = [path for given in args.paths for path in list_pictures(given)]
    import_keras()
    from models.detector import Detector

    detector = Detector(args.weights, args.threshold, args.top_k)
    try:
        Path(args.output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output {args.output}: {error}") from error
    names, found, sizes_wh = [], [], []
    for path, image, detections in detect(detector, paths, args.batch_size):
        print_objects(path, image, detections, detector.class_names)
        drawn = draw(image, detections, detector.class_names)
        write_picture(free_name(Path(args.output), path.stem), drawn)
        names.append(path.name)
        found.append(detections)
        sizes_wh.append((image.shape[1], image.shape[0]))
    if json_file:
        write_predictions(json_file, found, sizes_wh, names)
    broken = len(paths) - len(names)
    print(
        f"{sum(map(len, found))} objects of score {detector.threshold:.3f} or more in "
        f"{len(names)} pictures, drawn in {args.output}/"
        + (f"; {broken} could not be read" if broken else ""),
        file=sys.stderr,
    )
    return 0 if names else 2


def detect(
    detector: "Detector", paths: list[Path], batch_size: int
) -> "Iterator[tuple[Path, np.ndarray, np.ndarray]]":
    """Path, picture (H, W, 3) RGB and detections (N, 6) of each that can be read."""
    import numpy as np

    from data import plain, read_picture
    from ssd_utils import IMAGE_SIZE

    nothing = np.zeros((0, 5), np.float32)
    for start in range(0, len(paths), batch_size):
        group = []
        for path in paths[start : start + batch_size]:
            try:
                group.append((path, read_picture(path)))
            except ValueError as error:
                print(f"left out: {error}", file=sys.stderr)
        # one shape for every call of the network: the last group is padded
        batch = np.zeros((batch_size, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        for number, (_, image) in enumerate(group):
            batch[number] = plain(image, nothing)[0]
        for (path, image), rows in zip(group, detector(batch), strict=False):
            yield path, image, rows[rows[:, 0] > 0]


def print_objects(
    path: Path, image: "np.ndarray", detections: "np.ndarray", class_names: list[str]
) -> None:
    """A line per object: file, class, score, corners in pixels of the picture."""
    height, width = image.shape[:2]
    for class_id, score, *box in detections:
        corners_px = [
            round(float(c) * s) for c, s in zip(box, (width, height) * 2, strict=True)
        ]
        name = class_names[int(class_id) - 1]
        print(f"{path}: {name} {score:.2f} {' '.join(map(str, corners_px))}")


def draw(
    image: "np.ndarray", detections: "np.ndarray", class_names: list[str]
) -> "np.ndarray":
    """The picture with a box, class and score for each detection (N, 6)."""
    from reports import draw_boxes

    class_ids = detections[:, 0].astype(int)
    labels = [
        f"{class_names[class_id - 1]} {score:.2f}"
        for class_id, score in zip(class_ids, detections[:, 1], strict=True)
    ]
    return draw_boxes(image, detections[:, 2:], labels, class_ids)


def free_name(folder: Path, stem: str) -> Path:
    """FOLDER/STEM.jpg, with a number where that is taken: nothing is overwritten."""
    path, number = folder / f"{stem}.jpg", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.jpg", number + 1
    return path


if __name__ == "__main__":
    sys.exit(main())
