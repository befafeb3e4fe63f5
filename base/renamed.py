"""Names of earlier versions: options are still understood, files still load."""

import sys
from collections.abc import Sequence

OPTIONS = {  # old -> new
    "--average": "--ema",
    "--donor": "--teacher",
    "--picture": "--plot",
    "--pictures": "--images",
    "--skip-bad-batches": "--skip-non-finite",
    "--train-extractor": "--train-backbone",
    "--trunk": "--neck",
    "--width": "--alpha",
}
LAYOUT = {"export.py": "--output-format"}  # of tensors; elsewhere that of the priors
FIELDS = {"trunk": "neck"}  # of JSON in weights files, checkpoints and summaries
VALUES = {("reuse", "extractor"): "backbone"}  # field, old value -> new


def current_options(prog: str, argv: Sequence[str]) -> list[str]:
    """A command line with the names of today; each old one is told on stderr.

    What stands behind -- belongs to another script.

    >>> current_options("train.py", ["--data", "x", "--neck", "light"])
    ['--data', 'x', '--neck', 'light']
    """
    names = {**OPTIONS, "--layout": LAYOUT.get(prog, "--priors")}
    end = argv.index("--") if "--" in argv else len(argv)
    current = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        if name in names:
            print(f"{prog}: {name} is now {names[name]}", file=sys.stderr)
            word = names[name] + equals + value
        current.append(word)
    return [*current, *argv[end:]]


def current_fields(fields: dict) -> dict:
    """A dictionary of a file with the names of today.

    >>> current_fields({"trunk": "light", "reuse": "extractor"})
    {'neck': 'light', 'reuse': 'backbone'}
    """
    return {
        FIELDS.get(name, name): VALUES.get((name, value), value)
        if isinstance(value, str)
        else value
        for name, value in fields.items()
    }
