"""What a COCO training on several GPUs asks of loader and network.

    python -m benchmarks.cost.scaling [--images-per-second 724] [--per-device 32]

Measured here: images a second and core of the loader, from JPEG files of 640x480 that
are not kept decoded, and the numbers that each detector exchanges in a step. The speed
of a GPU is a figure that you give; 724 training images a second is what NVIDIA
published for its SSD300-ResNet50 on one A100. The rest is arithmetic.
"""

import argparse
import math
import time

from base.keras_setup import import_keras

CLASSES = 81  # COCO's 80 and background
IMAGES = 118_287  # of COCO's train2017
SETTINGS = {"1 machine, 8 GPUs": (1, 8), "4 machines, 1 GPU each": (4, 1)}
BACKBONES = (("squeezenet", "light"), ("resnet50", "ssd"), ("vgg16", "ssd"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images-per-second", type=float, default=724, metavar="N")
    parser.add_argument("--per-device", type=int, default=32, metavar="N")
    args = parser.parse_args()
    import_keras()
    from reports import markdown_table

    rate = loader_rate()
    print(f"loader: {rate:.0f} images a second and core\n")
    rows = []
    for backbone, neck in BACKBONES:
        megabytes = gradient_bytes(backbone, neck) / 1e6
        for name, (machines, gpus) in SETTINGS.items():
            devices = machines * gpus
            images = args.images_per_second * devices
            # each device sends that much: Patarasuk & Yuan, "Bandwidth optimal
            # all-reduce algorithms for clusters of workstations", 2009, sec. 3
            sent = 2 * (devices - 1) / devices * megabytes
            steps = args.images_per_second / args.per_device
            rows.append(
                (
                    f"{backbone}, {neck}",
                    name,
                    f"{images:.0f}",
                    f"{IMAGES / images:.0f}",
                    f"{sent:.0f}",
                    f"{8 * sent * steps / 1000:.1f}",
                    f"{images / machines / rate:.0f}",
                )
            )
    columns = ("backbone", "on", "images/s", "s an epoch", "MB a step", "Gbit/s")
    print(markdown_table((*columns, "loader cores a machine"), rows))


def loader_rate() -> float:
    """Augmented images a second of one thread, decoding included."""
    from benchmarks.accuracy.learning.experiments import SHARED
    from data import Batches, read_dataset

    dataset = read_dataset([SHARED / "data/bccd"], "trainval")
    batches = Batches(dataset, 8, workers=1)
    started = time.process_time()
    for step in range(batches.steps_per_epoch):  # a first epoch: nothing is kept yet
        batches.batch(0, step)
    return 8 * batches.steps_per_epoch / (time.process_time() - started)


def gradient_bytes(backbone: str, neck: str) -> int:
    """What is exchanged in a step: a float32 for each trained number."""
    from models import Architecture, build

    model = build(Architecture(backbone, CLASSES, neck=neck))
    return 4 * sum(math.prod(v.shape) for v in model.trainable_variables)


if __name__ == "__main__":
    main()
