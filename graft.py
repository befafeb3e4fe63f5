"""Put another backbone before a trained detector, without labels.

    python graft.py --teacher runs/vgg16/best.weights.h5 --backbone inceptionv3 \\
        --images my_images --minutes 10
    python graft.py --teacher W --backbone MobileNet --alpha 0.25 --images P \\
        --train-backbone --data my_annotated --split val

The detection half is copied. The adapter, with --train-backbone the new backbone too,
learns to reproduce what the teacher sees at the hint layer, on any images. With
--data the teacher and the graft before and after are scored.
"""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from base.command_line import Parser, run_script, suggest_command
from base.files import new_file
from base.keras_setup import import_keras

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from data import Dataset
    from models import Architecture
    from models.weights.metadata import ModelMetadata

# ours: see docs/weights.md
LR, MINUTES = 1e-3, 10.0
DISTANCES, TARGETS = ("l2", "cosine"), ("hint_layer", "maps", "heads")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("graft.py", __doc__)
    # fmt: off
    parser.add_argument("--teacher", required=True,
        metavar="FILE|voc|coco",
        help="a detector of train.py's or a published SSD300, neck ssd or light; voc "
        "and coco are fetched once")
    parser.add_argument("--backbone", required=True, metavar="NAME",
        help="the new backbone: a name of train.py's --backbone")
    parser.add_argument("--alpha", type=float, default=1.0, metavar="A",
        help="width of a MobileNet; for a smaller and faster network: 0.25; "
        "default: %(default)s")
    parser.add_argument("--weights", default="imagenet", metavar="imagenet|FILE",
        help="the new backbone's; for a backbone of your own: its file; "
        "default: %(default)s")
    parser.add_argument("--images", required=True, metavar="FOLDER",
        help="images, at any depth; their annotations are not looked at")
    parser.add_argument("--train-backbone", action="store_true",
        help="it learns too, not only the adapter; when there are many images and "
        "minutes")
    parser.add_argument("--targets", nargs="+", default=TARGETS[:1], choices=TARGETS,
        help="what to reproduce: the hint layer, the six maps, the heads' outputs; "
        "for a comparison of what is reproduced; default: hint_layer")
    parser.add_argument("--distance", default="l2", choices=DISTANCES,
        help="between what is reproduced and the original; for a comparison with l2; "
        "default: %(default)s")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M",
        help="length of the training; for --train-backbone or many images: more; "
        "default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="images at a time; for little memory smaller; default: %(default)s")
    parser.add_argument("--lr", type=float, default=LR, metavar="RATE",
        help="peak of the learning rate; when the loss is not finite: a quarter; "
        "default: %(default)s")
    parser.add_argument("--data", nargs="+", metavar="FOLDER",
        help="annotated images to score teacher and graft on")
    parser.add_argument("--split", default="val", metavar="NAME",
        help="that is scored; for data whose splits have other names; "
        "default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N",
        help="of the adapter and of augmentation; for a second training of the same; "
        "default: %(default)s")
    parser.add_argument("--output", default="weights/graft.weights.h5", metavar="FILE",
        help="the new detector; default: %(default)s")
    # fmt: on
    args = parser.parse_args(argv)
    parser.check_above_0(args, "minutes", "batch_size", "lr")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    return run_script("graft.py", run, parse(argv))


def run(args: argparse.Namespace) -> None:
    """Copy, imitate, score, write."""
    keras = import_keras()
    from data import use_one_thread_an_image
    from models import weights
    from training.hardware import devices

    use_one_thread_an_image()
    new_file("--output", args.output, weights.SUFFIX)
    keras.utils.set_random_seed(args.seed)
    print(devices.headline())
    teacher, theirs, student, metadata = load_models(args)
    ours, val_set = metadata.architecture, read_val_set(args, metadata)
    if val_set:
        print(f"teacher: mAP50 {score(teacher, theirs, val_set):.3f}")
        print(f"graft before: mAP50 {score(student, ours, val_set):.3f}")
    distil(args, (student, teacher), ours.layout)
    weights.save(student, args.output, metadata)
    if val_set:
        print(f"graft after: mAP50 {score(student, ours, val_set):.3f}")
    print(suggest_command(args.output))


def load_models(
    args: argparse.Namespace,
) -> "tuple[keras.Model, Architecture, keras.Model, ModelMetadata]":
    """Teacher and its architecture; the graft, with the teacher's half, its
    metadata."""
    from models import backbone_layers, weights
    from models.weights import initialise, transfer
    from models.weights.hub import resolve_weights
    from training.distillation import check_hints, hint_layer, learn_only

    path = resolve_weights(args.teacher)
    source = weights.read_detector(path)
    teacher = source.build()  # whole: what a teacher lacks can't be imitated
    hint_layer(teacher)  # or a UserError, before anything is built on it
    theirs = source.architecture
    asked = {"backbone": args.backbone, "width": args.alpha}
    architecture = replace(theirs, **asked, pretrained=False, preprocessing=None)
    is_file = args.weights != "imagenet"
    start = weights.read_weights(args.weights) if is_file else args.weights
    student, architecture = initialise.initialise_weights(
        architecture, start, source.class_names
    )
    check_hints(student, teacher, args.train_backbone)
    # layers of two backbones may share names
    own = {layer.name for layer in backbone_layers(student)}
    rows = transfer.transfer(student, source.class_names, source, but=own)
    print(f"detection half: {transfer.table(rows)}")
    learn_only(student, args.train_backbone)
    training = {"options": vars(args), "tile_px": source.metadata.tile_px}
    described = [source.metadata, *([start.metadata] if is_file else [])]
    licences = dict.fromkeys(each.licence for each in described if each)
    fields = {"training": training, "licence": "; ".join(licences)}
    metadata = weights.ModelMetadata(architecture, source.class_names, **fields)
    return teacher, theirs, student, metadata


def read_val_set(
    args: argparse.Namespace, metadata: "ModelMetadata"
) -> "Dataset | None":
    """The annotated images to score on, where they were asked for."""
    if args.data is None:
        return None
    from data import read_dataset, report_problems

    val_set = read_dataset(args.data, args.split, metadata.class_names)
    print(val_set.describe())
    report_problems(val_set)
    return val_set


def score(
    model: "keras.Model", architecture: "Architecture", val_set: "Dataset"
) -> float:
    """mAP50."""
    from training.monitoring.validation import Evaluator

    return Evaluator(model, architecture, val_set, batch_size=8)()[0]["mAP50"]


def distil(
    args: argparse.Namespace, pair: "Sequence[keras.Model]", layout: str
) -> None:
    """Minutes of learning; pair: the student and its teacher."""
    from tqdm import tqdm

    from data import Batches
    from data.unlabelled import read_unlabelled
    from training.distillation import DistillationTrainer, targets
    from training.engine import train_epoch
    from training.optimiser import make_optimiser
    from training.schedule import Schedule

    images = read_unlabelled(args.images)
    for line in (f"{len(images)} images to learn on", *images.problems):
        print(line)
    batches = Batches(images, args.batch_size, seed=args.seed)
    both = (targets(model, args.targets) for model in pair)
    trainer = DistillationTrainer(*both, layout, args.distance)
    trainer.compile_for(make_optimiser("adamw", pair[0].trainable_variables))
    schedule = Schedule(args.lr, None, args.minutes)
    epoch = 0
    with tqdm(unit="step", disable=None) as bar:

        def show(parts: dict) -> None:
            bar.set_postfix({"distance": f"{parts['loss']:.3f}"})
            bar.update()

        while schedule.progress < 1:
            means = train_epoch(trainer, batches.epoch(epoch), schedule, show)
            epoch += 1
            minutes = schedule.seconds / 60
            bar.write(f"{minutes:5.1f} min  distance {means['loss']:.4f}")


if __name__ == "__main__":
    sys.exit(main())
