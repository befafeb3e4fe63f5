"""Files in their runtimes: from a JPEG to boxes, milliseconds beside mAP50.

    python -m benchmarks.speed.runtimes best.onnx best.int8.onnx best.xml best.tflite \
        --data voc2007 [--yolox yolox_nano.onnx] [--ssdlite] [--plot runtimes.png]

Each contestant runs in a process of its own, so that no runtime's waiting threads
disturb another, and all take turns, so that a busy machine is busy for all. "The
network" is one image that is ready; of files of this project that is with decoding and
suppression, of the others without. OpenVINO runs in bfloat16 too where the processor
has it. --yolox: Megvii's file at 416 pixels, its boxes suppressed by OpenCV.
--ssdlite: torchvision's ssdlite320_mobilenet_v3_large as ONNX, the network alone, since
its weights are random; wants torch, torchvision and onnxscript.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.machine import machine
from evaluation.speed import WARM_UP

TURNS, ROUNDS = 3, 40  # ours: processes for each contestant, calls in each
SSDLITE = "ssdlite320_mobilenet_v3_large"
MARKERS = {"onnx": "o", "openvino": "s", "litert": "^"}
HEADERS = ("file", "runtime", "ms: p50", "p99", "network", "mAP50", "MB")


class Contestant(NamedTuple):
    """A file; what it is, "ours", "yolox" or "ssdlite"; who runs it.

    precision: "" is as the file was written.
    """

    path: str
    kind: str
    runtime: str
    precision: str = ""


class Opened(NamedTuple):
    """One call of the network; detections (K, 6) of an image (H, W, 3), if known."""

    call: Callable[[], object]
    detect: Callable[[np.ndarray], np.ndarray] | None


class Measured(NamedTuple):
    """Seconds of each call, from the file to boxes and of the network; mAP50."""

    to_boxes: list[float]
    network: list[float]
    mAP50: float


def main() -> None:
    """One row for each contestant."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.runtimes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", help="exported files, or weights files")
    parser.add_argument("--data", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--split", default="val")
    parser.add_argument("--yolox", metavar="FILE.onnx")
    parser.add_argument("--ssdlite", action="store_true")
    parser.add_argument("--plot", metavar="FILE.png")
    args = parser.parse_args()
    print(machine("tensorflow", "onnxruntime", "openvino", "ai-edge-litert"))
    with tempfile.TemporaryDirectory() as folder:
        chosen = contestants(args.files, args.yolox, args.ssdlite and Path(folder))
        results = measure_all(chosen, args.data, args.split)
        rows = [row(contestant, found) for contestant, found in results.items()]
    from reports.tables import markdown_table

    print(markdown_table(HEADERS, rows))
    if args.plot:
        plot(results, args.plot)


def contestants(
    files: list[str], yolox: str | None, ssdlite_folder: Path | None
) -> list[Contestant]:
    """All that take part; SSDlite's file is written into that folder."""
    from inference.runtimes import detect_format

    chosen = []
    for path in files:
        runtime = detect_format(path) or "tensorflow"
        chosen += _with_bfloat16(Contestant(path, "ours", runtime))
    others = {"yolox": yolox}
    if ssdlite_folder:
        others["ssdlite"] = str(write_ssdlite(ssdlite_folder / f"{SSDLITE}.onnx"))
    for kind, path in others.items():
        if path:
            chosen.append(Contestant(path, kind, "onnx"))
            chosen += _with_bfloat16(Contestant(path, kind, "openvino"))
    return chosen


def _with_bfloat16(contestant: Contestant) -> list[Contestant]:
    if contestant.runtime != "openvino" or ".int8" in contestant.path:
        return [contestant]
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    both = [contestant, contestant._replace(precision="bfloat16")]
    return both if "BF16" in able else both[:1]


def measure_all(
    chosen: list[Contestant], data: list[str], split: str
) -> dict[Contestant, Measured]:
    """In turns; the first turn scores the split too."""
    results: dict[Contestant, Measured] = {}
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as one_process:
        for turn in range(TURNS):
            for contestant in chosen:
                task = one_process.submit(measure, contestant, data, split, turn == 0)
                found = task.result()
                if turn:
                    results[contestant].to_boxes.extend(found.to_boxes)
                    results[contestant].network.extend(found.network)
                else:
                    results[contestant] = found
    return results


def measure(
    contestant: Contestant, data: list[str], split: str, scores: bool
) -> Measured:
    """ROUNDS calls of each kind, in the process that this is."""
    from data import read_dataset, read_image
    from evaluation import mean_ap
    from inference.dataset import voc_curves

    dataset = read_dataset(data, split)
    opened = OPEN[contestant.kind](contestant, dataset.class_names)
    paths = [sample.path for sample in dataset.samples[: WARM_UP + ROUNDS]]
    network = [_seconds(opened.call) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    if opened.detect is None:
        return Measured([], network, np.nan)
    detect = opened.detect
    to_boxes = [_seconds(lambda path=p: detect(read_image(path))) for p in paths]
    mean = np.nan
    if scores:
        found = [detect(sample.read_image()) for sample in dataset.samples]
        curves = voc_curves(dataset.samples, found, dataset.class_names)
        mean = float(mean_ap(curves)["mAP50"])
    return Measured(to_boxes[WARM_UP:], network, mean)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def open_ours(contestant: Contestant, class_names: list[str]) -> Opened:
    """A file of this project, as detect.py runs it; classes must be those of the data.

    They are scored from 0.01 on.
    """
    from base.constants import IMAGE_SIZE, MIN_SCORE
    from base.keras_setup import keep_weights_in_order
    from inference import open_model
    from inference.detector import Detector

    if contestant.runtime == "tensorflow":
        keep_weights_in_order()
    if contestant.precision:
        from inference.runtimes import openvino_file

        openvino_file.SETTINGS["INFERENCE_PRECISION_HINT"] = "bf16"
    network = open_model(contestant.path, MIN_SCORE)
    if list(network.class_names) != list(class_names):
        raise SystemExit(f"{contestant.path}: other classes than the data.")
    detector = Detector(network, batch_size=1)
    image = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    return Opened(
        lambda: network(image), lambda im: detector.detect([detector.prepare(im)])[0]
    )


def open_yolox(contestant: Contestant, class_names: list[str]) -> Opened:
    """Megvii's own file."""
    from benchmarks.accuracy.yolox_original import SIZE, class_rows, detect

    run = open_raw(contestant)
    rows = class_rows(class_names)
    image = np.zeros((1, 3, SIZE, SIZE), np.float32)
    return Opened(
        lambda: run(image), lambda im: detect(lambda x: run(x)[0], im, SIZE, rows)
    )


def open_ssdlite(contestant: Contestant, _class_names: list[str]) -> Opened:
    """The network alone."""
    run = open_raw(contestant)
    image = np.zeros((1, 3, 320, 320), np.float32)
    return Opened(lambda: run(image), None)


OPEN = {"ours": open_ours, "yolox": open_yolox, "ssdlite": open_ssdlite}


def open_raw(contestant: Contestant) -> Callable[[np.ndarray], np.ndarray]:
    """An ONNX file in either runtime: its first output of images (1, 3, H, W)."""
    if contestant.runtime == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(contestant.path)
        name = session.get_inputs()[0].name
        return lambda image: session.run(None, {name: image})[0]
    import openvino

    hint = "bf16" if contestant.precision else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint}
    compiled = openvino.Core().compile_model(contestant.path, "CPU", settings)
    return lambda image: compiled(image)[0]


def write_ssdlite(path: Path) -> Path:
    """Backbone and heads of torchvision's, with random weights."""
    import torch

    from benchmarks.peers.torchvision_ssd import TorchvisionSSD

    model = TorchvisionSSD(SSDLITE, num_classes=21).model.eval()

    class Raw(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = model.backbone, model.head

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(self.head(list(self.backbone(images).values())).values())

    torch.onnx.export(Raw().eval(), (torch.zeros(1, 3, 320, 320),), path, verbose=False)
    return path


def row(contestant: Contestant, found: Measured) -> list[str]:
    """Of the table."""
    from exporting.proof import MEGABYTE
    from inference.runtimes import size_of

    network = f"{1e3 * np.median(found.network):.1f}"
    size = f"{size_of(Path(contestant.path)) / MEGABYTE:.2f}"
    if contestant.kind == "ssdlite":
        size = ""  # its weights lie in a second file
    known = ["", "", network, ""]
    if found.to_boxes:
        p50, p99 = np.percentile(found.to_boxes, [50, 99]) * 1e3
        known = [f"{p50:.1f}", f"{p99:.1f}", network, f"{found.mAP50:.3f}"]
    how = " in ".join(filter(None, contestant[2:]))
    return [Path(contestant.path).name, how, *known, size]


def plot(results: dict[Contestant, Measured], path: str) -> None:
    """mAP50 over milliseconds; those with detections."""
    from reports.curves import COLOURS, INK, frame_axes, new_figure, save_figure

    figure = new_figure(7, 4)
    axes = figure.subplots()
    shown = [(c, found) for c, found in results.items() if found.to_boxes]
    files = list(dict.fromkeys(contestant.path for contestant, _ in shown))
    for contestant, found in shown:
        axes.plot(
            1e3 * np.median(found.to_boxes),
            found.mAP50,
            marker=MARKERS.get(contestant.runtime, "D"),
            color=COLOURS[files.index(contestant.path) % len(COLOURS)],
            fillstyle="none" if contestant.precision else "full",
            linestyle="none",
            label=", ".join(row(contestant, found)[:2]),
        )
    frame_axes(axes, "mAP50 and milliseconds of one image, file to boxes", None)
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds, median", color=INK)
    axes.set_ylabel("mAP50", color=INK)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7, frameon=False)
    save_figure(figure, path)


if __name__ == "__main__":
    main()
