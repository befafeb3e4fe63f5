"""Names of earlier versions: options are still understood, files still load."""

import sys
from collections.abc import Sequence

from base.errors import UserError

OPTIONS = {  # old -> new
    "--average": "--ema",
    "--donor": "--teacher",
    "--freeze-epochs": "--freeze",
    "--init-from": "--weights",
    "--picture": "--plot",
    "--pictures": "--images",
    "--skip-bad-batches": "--skip-non-finite",
    "--tile-size": "--tile",
    "--train-extractor": "--train-backbone",
    "--trunk": "--neck",
    "--width": "--alpha",
}
LAYOUT = {"export.py": "--output-format"}  # of tensors; elsewhere that of the priors
FIELDS = {"trunk": "neck"}  # of JSON in weights files, checkpoints and summaries
VALUES = {("reuse", "extractor"): "backbone"}  # field, old value -> new
RUN_OPTIONS = {  # of train.py, in the JSON of its runs
    **FIELDS,
    "average": "ema",
    "layout": "priors",
    "skip_bad_batches": "skip_non_finite",
    "width": "alpha",
}
# field of a run's options that is gone -> the one that says it now
MERGED = {"freeze_epochs": "freeze", "init_from": "weights", "tile_size": "tile"}


def current_options(prog: str, argv: Sequence[str]) -> list[str]:
    """A command line with the names of today; each old one is told on stderr.

    What stands behind -- belongs to another script. UserError where an option stands
    there by both its names.

    >>> current_options("train.py", ["--data", "x", "--neck", "light"])
    ['--data', 'x', '--neck', 'light']
    """
    names = {**OPTIONS, "--layout": LAYOUT.get(prog, "--priors")}
    end = argv.index("--") if "--" in argv else len(argv)
    current = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        if name in names:
            if names[name] in argv[:end]:
                raise UserError(f"{name} is now {names[name]}: give one of them")
            print(f"{prog}: {name} is now {names[name]}", file=sys.stderr)
            word = names[name] + equals + value
        current.append(word)
    return [*current, *argv[end:]]


def current_fields(fields: dict, names: dict[str, str] = FIELDS) -> dict:
    """A dictionary of a file with the names of today.

    >>> current_fields({"trunk": "light", "reuse": "extractor"})
    {'neck': 'light', 'reuse': 'backbone'}
    """
    return {
        names.get(name, name): VALUES.get((name, str(value)), value)
        for name, value in fields.items()
    }


def current_run_options(options: dict) -> dict:
    """The options of a run of train.py, as its JSON has them, with today's names.

    >>> current_run_options({"average": True, "freeze": False, "freeze_epochs": 5})
    {'ema': True, 'freeze': 5}
    """
    options = current_fields(options, RUN_OPTIONS)
    for old, new in MERGED.items():
        value = options.pop(old, None)
        options |= {new: value} if value else {}
    return options
