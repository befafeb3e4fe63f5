"""A training step of this checkout beside that of another one, in turns.

    git worktree add ../before COMMIT
    python -m benchmarks.speed.steps_since ../before --was yolox_nano/native \
        --now yolox_nano/yolox --data voc2007

Each checkout has a process of its own, which waits while the other one works. Both get
the same batches, which are ready, and 21 classes; the median counts.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

NUM_CLASSES = 21  # VOC's, with the background
READY = 8  # ours: batches that are trained again and again
# this file's `train` with the modules of the process' own checkout
CHILD = "import runpy, sys; runpy.run_path(sys.argv[1])['train'](*sys.argv[2:])"
HERE = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--was", required=True, metavar="BACKBONE/NECK")
    parser.add_argument("--now", required=True, metavar="BACKBONE/NECK")
    parser.add_argument("--data", required=True, metavar="FOLDER")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    from benchmarks.cost.interleaved import race
    from benchmarks.machine import machine
    from reports.tables import markdown_table

    options = [str(Path(args.data).resolve()), str(args.batch_size), args.precision]
    networks = {
        f"{args.was}, before": start(args.before.resolve(), args.was, *options),
        f"{args.now}, now": start(HERE, args.now, *options),
    }
    seconds = race(
        {name: lambda _, child=child: step(child) for name, child in networks.items()},
        args.rounds,
    )
    for child in networks.values():
        child.kill()
    print(machine("tensorflow", "keras"))
    slowest = next(iter(seconds.values()))
    rows = [
        (
            name,
            f"{1e3 * taken:.0f}",
            f"{args.batch_size / taken:.1f}",
            f"{slowest / taken:.2f}",
        )
        for name, taken in seconds.items()
    ]
    print(markdown_table(("network", "ms a step", "images/s", "times"), rows))


def start(checkout: Path, network: str, *options: str) -> subprocess.Popen:
    """A process that trains with the checkout's code, a step for each line it gets."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD, __file__, network, *options],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def step(child: subprocess.Popen) -> None:
    """One step of the process."""
    child.stdin.write("\n")
    child.stdin.flush()
    while (line := child.stdout.readline()) != "done\n":
        if not line:
            raise ChildProcessError(f"{child.args} ended")


def train(network: str, data: str, batch_size: str, precision: str) -> None:
    """In the process: names of modules and options are those of either checkout."""
    import keras

    from data import Batches, read_dataset
    from models import Architecture, build
    from training import RATES, engine
    from training.optimiser import make_optimiser

    try:
        from training.hardware import devices
    except ImportError:
        from training import devices
    backbone, neck = network.split("/")
    fields = {field.name for field in dataclasses.fields(Architecture)}
    name = "neck" if "neck" in fields else "trunk"
    architecture = Architecture(backbone, NUM_CLASSES, pretrained=True, **{name: neck})
    precision = devices.choose_precision(precision, devices.find_device(), architecture)
    keras.config.set_dtype_policy(precision)
    batches = Batches(read_dataset([data], "train"), int(batch_size))
    ready = [batches.batch(0, at) for at in range(min(READY, batches.steps_per_epoch))]
    model = build(architecture)
    trainer = engine.Trainer(model, architecture.layout)
    trainer.compile_for(make_optimiser("adamw", model.trainable_variables))
    for at in count():
        sys.stdin.readline()
        trainer.step(*ready[at % len(ready)], RATES["adamw"])
        print("done", flush=True)


if __name__ == "__main__":
    main()
