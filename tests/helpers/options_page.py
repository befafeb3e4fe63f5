"""docs/options.md from the parsers of all scripts.

    python -m tests.helpers.options_page

The help of an option is the one source: "what it does; for what it is changed;
default: what it is". `tests/docs/test_options.py` holds the page to it.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from unittest import mock

from base.command_line import Parser
from base.files import write_text

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
# how a script is called, its module, arguments that lead to its parser
SCRIPTS = {
    "train.py": ("train", []),
    "evaluate.py": ("evaluate", []),
    "detect.py": ("detect", []),
    "compare.py": ("compare", []),
    "export.py": ("export", []),
    "graft.py": ("graft", []),
    "python -m data": ("data.__main__", []),
    "python -m data convert": ("data.__main__", ["convert"]),
    "python -m models.weights": ("models.weights.__main__", []),
}
HEAD = """\
# All options

    python train.py --help

Every option of every script, as `--help` tells it. Names of earlier versions are still
understood. This page is written by `python -m tests.helpers.options_page`.

"""
COLUMNS = (
    "| option | default | what it does | when to change it |\n| --- | --- | --- | --- |"
)


class Found(Exception):
    """Carries a parser out of the script that made it."""


def parser_of(main: Callable, argv: list[str]) -> Parser:
    """The parser that a script's `main` builds; nothing is run."""

    def give(self: Parser, *_: object) -> None:
        raise Found(self)

    parses = {"parse_args": give, "parse_intermixed_args": give}
    with mock.patch.multiple(Parser, **parses):
        try:
            main(argv)
        except Found as found:
            return found.args[0]
    raise AssertionError(f"{main.__module__} uses no Parser")


def page() -> str:
    """The whole page."""
    parts = [HEAD + "\n".join(f"- [{name}](#{_anchor(name)})" for name in SCRIPTS)]
    for name, (module, argv) in SCRIPTS.items():
        parser = parser_of(import_module(module).main, argv)
        parts += [f"## {name}", parser.description.split("\n\n")[0].strip()]
        parts += tables(parser)
    return "\n\n".join(parts) + "\n"


def tables(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A table of what stands in no group, then one of each group, with its title."""
    positional, options, *groups = parser._action_groups
    for title, group in [
        ("", (positional, options)),
        *((g.title, [g]) for g in groups),
    ]:
        actions = [action for part in group for action in part._group_actions]
        rows = [_row(parser, action) for action in actions]
        if rows := [row for row in rows if row]:
            if title:
                yield f"### {parser.prog}: {title}"
            yield "\n".join([COLUMNS, *rows])


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """An option's line; empty for --help and what --help does not show."""
    if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
        return ""
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    what, when, default = split_help(text)
    cells = (f"`{_usage(parser, action)}`", default or _default(action), what, when)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def split_help(text: str) -> tuple[str, str, str]:
    """What it does, what it is changed for, its default.

    >>> split_help("cut into tiles; for small objects; default: no")
    ('cut into tiles', 'for small objects', 'no')
    """
    what, _, default = text.partition("default: ")
    parts = re.match(r"(.*?)(?:; ((?:for|where|when) .*?))?[; ]*$", what, re.DOTALL)
    return parts[1], parts[2] or "", default


def _usage(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The option with the values that it takes."""
    values = (
        parser._get_formatter()._format_args(action, action.dest.upper())
        if action.nargs != 0
        else ""
    )
    return " ".join([*action.option_strings[-1:], values]).strip()


def _default(action: argparse.Action) -> str:
    if action.required:
        return "required"
    if action.nargs == 0:
        return "off"
    if action.default in (None, []):
        return "none"
    is_list = isinstance(action.default, list | tuple)
    return " ".join(action.default) if is_list else str(action.default)


def _anchor(name: str) -> str:
    return re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")


if __name__ == "__main__":
    write_text(PAGE, page())
