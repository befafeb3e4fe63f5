"""Memory and time of a training step: by backbone, batch size, frozen or not.

    python -m benchmarks.cost.memory [--backbones squeezenet vgg16] \
        [--batch-sizes 1 4 8]

On a processor memory is how much the peak of the process grows over what it has before
the model is built (getrusage); on an NVIDIA GPU the backend's own count of device
memory. Each row is a process of its own.
"""

import argparse
import multiprocessing

from models import BACKBONES

STEPS = 3  # the fastest one counts; the first is traced
HEADERS = (
    "backbone",
    "neck",
    "backbone",
    "batch size",
    "GiB",
    "s a step",
)


def main() -> None:
    """Measure and print a Markdown table, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--necks", nargs="+", default=[None])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 4, 8])
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    print("| " + " | ".join(HEADERS) + " |\n" + "| --- " * len(HEADERS) + "|")
    spawn = multiprocessing.get_context("spawn")
    for backbone in args.backbones:
        for neck in args.necks:
            for is_frozen in (False, True):
                for batch_size in args.batch_sizes:
                    case = backbone, neck, is_frozen, batch_size, args.precision
                    process = spawn.Process(target=measure, args=case)
                    process.start()
                    process.join()


def measure(
    backbone: str, neck: str | None, is_frozen: bool, batch_size: int, precision: str
) -> None:
    """One row."""
    from base.keras_setup import import_keras

    keras = import_keras()
    from comparison.duration_estimate import step_seconds
    from models import Architecture
    from training.hardware import devices
    from training.hardware.memory import peak_bytes

    device = devices.find_device()
    architecture = Architecture(backbone, 21, neck=neck)
    keras.config.set_dtype_policy(
        devices.choose_precision(precision, device, architecture)
    )
    before = peak_bytes(device)
    seconds = step_seconds(architecture, is_frozen, batch_size, STEPS)
    figures = (
        backbone,
        architecture.neck,
        "frozen" if is_frozen else "trained",
        batch_size,
        f"{(peak_bytes(device) - before) / 2**30:.2f}",
        f"{seconds:.2f}",
    )
    print("| " + " | ".join(map(str, figures)) + " |", flush=True)


if __name__ == "__main__":
    main()
