"""Which combinations to train: the options of train.py for each, and its folder."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from base.errors import UserError
from base.renamed import current_options
from training.runs import read_json, write_json

NAME = "plan.json"  # beside the runs of a comparison: what each was trained with
FREEZE = {"no": (False,), "yes": (True,), "both": (False, True)}


@dataclass(frozen=True)
class Combination:
    """A training to be: options of train.py that differ between combinations.

    `width` and `neck` None, and `weights` None, are train.py's defaults.
    """

    backbone: str
    width: float | None = None
    neck: str | None = None
    adapter_filters: int = 256
    freeze: bool = False
    seed: int = 0
    weights: str | None = None

    @property
    def name(self) -> str:
        """That of its folder.

        >>> Combination("MobileNet", 0.25, freeze=True, seed=1).name
        'MobileNet-0.25-frozen-seed1'
        """
        width = None if self.width is None else f"{self.width:g}"
        filters = None if self.adapter_filters == 256 else str(self.adapter_filters)
        parts = [self.backbone, width, self.neck, filters, self.freeze and "frozen"]
        return "-".join(filter(None, [*parts, f"seed{self.seed}"]))

    def options(self) -> list[str]:
        """For the command line of train.py.

        >>> Combination("small", neck="light").options()
        ['--backbone', 'small', '--neck', 'light', '--seed', '0']
        """
        options = ["--backbone", self.backbone]
        options += [] if self.width is None else ["--alpha", f"{self.width:g}"]
        options += [] if self.neck is None else ["--neck", self.neck]
        if self.adapter_filters != 256:
            options += ["--adapter-filters", str(self.adapter_filters)]
        options += [] if self.weights is None else ["--weights", self.weights]
        options += ["--freeze"] if self.freeze else []
        return [*options, "--seed", str(self.seed)]


def combine(
    backbones: Sequence[str],
    adapter_filters: Sequence[int] = (256,),
    freeze: str = "no",
    seeds: int = 1,
    weights: Sequence[str] = (),
) -> list[Combination]:
    """All combinations, seed by seed: a stop leaves whole rounds behind.

    `backbones` are NAME, NAME/NECK or NAME@WIDTH; `freeze` is a key of FREEZE;
    `weights` holds NAME=VALUE for one backbone and VALUE for all others, as train.py's
    --weights takes it. UserError for what can't be read.

    >>> [c.name for c in combine(["vgg16", "small/light"], freeze="both")][1:3]
    ['vgg16-frozen-seed0', 'small-light-seed0']
    """
    wanted = [_read_backbone(text) for text in backbones]
    by_name = {}
    for text in weights:
        name, equals, value = text.partition("=")
        by_name |= {name: value} if equals else {"": name}
    if unknown := set(by_name) - {name for name, _, _ in wanted} - {""}:
        raise UserError(
            f"--weights {unknown.pop()}=...: expected one of the names of --backbones, "
            f"{', '.join(backbones)}."
        )
    every = itertools.product(range(seeds), wanted, adapter_filters, FREEZE[freeze])
    return [
        Combination(*form, filters, frozen, seed, by_name.get(form[0], by_name.get("")))
        for seed, form, filters, frozen in every
    ]


def _read_backbone(text: str) -> tuple[str, float | None, str | None]:
    """NAME[@WIDTH][/NECK] in its three parts."""
    rest, _, neck = text.partition("/")
    name, at, width = rest.partition("@")
    try:
        return name, float(width) if at else None, neck or None
    except ValueError:
        raise UserError(
            f"--backbones {text}: expected a number behind @, such as MobileNet@0.25."
        ) from None


def keep_plan(folder: Path, commands: dict[str, list[str]]) -> None:
    """Note in `folder` with which options each run is trained.

    UserError where one of them was begun with others: such runs can't be compared; and
    where its folder is there already, but no comparison in `folder` has made it.
    """
    path = folder / NAME
    kept = read_json(path) if path.exists() else {}
    for name, options in commands.items():
        if name not in kept and (folder / name).exists():
            raise UserError(
                f"{folder / name} is there, and this comparison did not make it: move "
                "it, or name another --output."
            )
        before = current_options("train.py", kept.get(name, options))
        if before != options:
            raise UserError(
                f"{folder / name} was begun with other options: "
                f"{' '.join(before)}. Received: {' '.join(options)}. Name another "
                "--output, or ask for the same."
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, kept | commands)
