"""Which backbone: train several under one budget and put them on one page.

    python compare.py --data my_images --backbones squeezenet,resnet50 --minutes 30
    python compare.py --data D --backbones small,vgg16/light,MobileNet@0.25 --seeds 3
    python compare.py --data D --backbones vgg16 --epochs 20 -- --batch-size 4
    python compare.py --runs runs/a runs/b --split test      # runs that are there
    python compare.py --data D --runs runs/a a.onnx a.tflite # what export.py wrote
    python compare.py --list                                 # what is in runs/

Leaves report.html, table.csv, table.md and map_vs_fps.png in --output. The same command
goes on where it was stopped; other --backbones in the same --output add lines. What
stands behind -- goes to each training, see train.py --help.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from base.command_line import Parser, run_script, split_names
from base.errors import UserError
from training import EPOCHS, RUNS

if TYPE_CHECKING:
    from comparison.exports import Compared
    from comparison.plan import Combination
TRAIN = Path(__file__).with_name("train.py")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("compare.py", __doc__)
    # fmt: off
    parser.add_argument("--list", nargs="?", const=RUNS, type=Path, metavar="FOLDER",
        help=f"show every run below FOLDER ({RUNS}) and end")
    group = parser.add_argument_group("what is compared")
    group.add_argument("--backbones", metavar="A,B,...",
        help="NAME, NAME/NECK or NAME@ALPHA as train.py knows them")
    group.add_argument("--adapter-filters", default="256", metavar="256,512",
        help="width of the adapted map, or both; for a comparison of the widths; "
        "default: %(default)s")
    group.add_argument("--freeze", default="no", choices=("no", "yes", "both"),
        help="keep the backbone as it is; for few images; default: %(default)s")
    group.add_argument("--seeds", type=int, default=1, metavar="N",
        help="train each N times; when backbones are close: 3; default: %(default)s")
    group.add_argument("--weights", nargs="+", default=[], metavar="[NAME=]VALUE",
        help="what to start from, as train.py's --weights; with NAME= for one "
        "backbone; for a start from your own files; default: as train.py's")
    group.add_argument("--runs", nargs="+", type=Path, default=[], metavar="RUN|FILE",
        help="runs of train.py that are there already, or what export.py wrote")
    group = parser.add_argument_group("data and budget")
    group.add_argument("--data", nargs="+", metavar="FOLDER",
        help="annotated images; default: those of the first of --runs that tells")
    group.add_argument("--train-split", default="train", metavar="NAME",
        help="learns; for data whose splits have other names; default: %(default)s")
    group.add_argument("--val-split", default="val", metavar="NAME",
        help="chooses best weights and threshold; for data whose splits have other "
        "names; default: %(default)s")
    group.add_argument("--split", default="val", metavar="NAME",
        help="the images that are scored: the last weights on those of --val-split, "
        "else the best; for figures to publish: test; default: %(default)s")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N",
        help="length of each training; for few images more, for thousands fewer; "
        f"default: {EPOCHS}")
    length.add_argument("--minutes", type=float, metavar="M",
        help="the same by the clock; for backbones of different speed")
    group = parser.add_argument_group("output")
    group.add_argument("--rounds", type=int, default=30, metavar="N",
        help="calls of each model that are timed, 0 for none; when the machine is "
        "shared with other work: more; default: %(default)s")
    group.add_argument("--output", type=Path, default=RUNS / "comparison",
        metavar="FOLDER", help="where page and runs go; default: %(default)s")
    # fmt: on
    argv = sys.argv[1:] if argv is None else argv
    split = argv.index("--") if "--" in argv else len(argv)
    args = parser.parse_args(argv[:split])
    args.extra = argv[split + 1 :]
    if not (args.list or args.backbones or args.runs):
        parser.error("nothing to compare: give --backbones, --runs or --list")
    if args.backbones and not args.data:
        parser.error("--backbones needs --data")
    parser.check_above_0(args, "seeds", "epochs", "minutes")
    if args.rounds < 0:
        parser.error("--rounds must be 0 or above")
    args.backbones = split_names(args.backbones)
    try:
        args.adapter_filters = [int(n) for n in args.adapter_filters.split(",")]
    except ValueError:
        parser.error("--adapter-filters: expected numbers such as 256,512")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, 1 where a training failed, 2 after a line what to mend."""
    return run_script("compare.py", run, parse(argv))


def run(args: argparse.Namespace) -> int:
    """Train, score, measure, write."""
    from comparison import exports, runs

    if args.list:
        print(runs.list_runs(args.list))
        return 0
    failed = []
    if args.backbones:
        failed = train_all(args)
        if failed is None:
            print("stopped; the same command goes on.")
            return 130
    paths = [*args.runs, *filter(runs.is_finished, runs.find_runs(args.output))]
    if not paths:
        raise UserError(f"{args.output}: no training came to its end.")
    report(args, [exports.read(path) for path in dict.fromkeys(paths)])
    for name in failed:
        print(f"{name} failed, see above; the same command tries again")
    return 1 if failed else 0


def train_all(args: argparse.Namespace) -> list[str] | None:
    """Train what is not finished; the names that failed, None where it was stopped."""
    from comparison import duration_estimate, plan, processes
    from comparison.runs import is_finished
    from data import read_dataset
    from training import options

    num_images = len(read_dataset(args.data, args.train_split))
    combinations = existing(args)
    epochs = args.epochs or EPOCHS
    length = f"--minutes {args.minutes:g}" if args.minutes else f"--epochs {epochs}"
    common = ["--data", *args.data, "--train-split", args.train_split]
    common += ["--val-split", args.val_split, *length.split()]
    commands = {c.name: [*common, *c.options(), *args.extra] for c in combinations}
    for command in commands.values():  # a mistake behind -- ends it here
        options.parse(command)
    plan.keep_plan(args.output, commands)

    states = {name: processes.state_of(args.output / name) for name in commands}
    to_do = [c for c in combinations if states[c.name] != "finished"]
    if args.minutes:
        minutes = {c.name: args.minutes for c in to_do}
    else:
        seconds = duration_estimate.seconds_a_image(to_do)
        passes = epochs * num_images / 60
        minutes = {c.name: s * passes for c, s in zip(to_do, seconds, strict=True)}
    print(duration_estimate.describe(states, minutes), flush=True)

    failed = []
    for number, name in enumerate(minutes, start=1):
        print(f"\n{number}/{len(minutes)} {name}", flush=True)
        if processes.train(TRAIN, args.output / name, commands[name]):
            failed.append(name)
        elif not is_finished(args.output / name):
            return None
    return failed


def existing(args: argparse.Namespace) -> "list[Combination]":
    """The combinations that can be trained; the others are told."""
    from comparison import duration_estimate, plan

    wanted = plan.combine(
        args.backbones, args.adapter_filters, args.freeze, args.seeds, args.weights
    )
    reasons = dict(zip(wanted, duration_estimate.reasons_against(wanted), strict=True))
    for combination, reason in reasons.items():
        if reason:
            print(f"{combination.name} is left out: {reason}")
    return [combination for combination in reasons if not reasons[combination]]


def report(args: argparse.Namespace, compared: "list[Compared]") -> None:
    """Score and time them; tables, plots, page."""
    from base.keras_setup import import_keras

    import_keras()
    from base.files import write_text
    from comparison import networks, verdict
    from comparison.page import page, table
    from data import read_dataset, report_problems, use_one_thread_an_image
    from training.hardware import devices

    use_one_thread_an_image()
    roots = args.data or next((run.data for run in compared if run.data), None)
    if not roots:
        raise UserError("none of --runs tells what it learned from; give --data.")
    names = compared[0].class_names
    dataset = networks.readable(read_dataset(roots, args.split, names)).check_boxes()
    print(f"\n{dataset.describe()}")
    report_problems(dataset)
    entries = networks.compare(compared, dataset, args.rounds)

    for line in page.warnings(entries, dataset):
        print(f"  {line}", file=sys.stderr)
    about = page.settings(entries, dataset)
    if args.rounds:
        machine = devices.headline()
        about["speed"] = f"{args.rounds} interleaved rounds, medians; {machine}"
    args.output.mkdir(parents=True, exist_ok=True)
    write_text(args.output / "table.csv", table.as_csv(entries))
    write_text(args.output / "table.md", table.as_markdown(entries))
    page.write(args.output, entries, dataset, about)
    print(f"\n{table.as_text(entries)}\n\n{verdict.sentence(verdict.pick(entries))}")
    print(f"the page: {args.output / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
