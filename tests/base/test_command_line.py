"""One line for a mistake, and the exit status that shells expect."""

import pytest

from base.command_line import Parser, run_script
from base.errors import UserError


def raiser(error):
    def run(args):
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "status", "line"),
    [
        (lambda args: None, 0, ""),
        (lambda args: 1, 1, ""),
        (raiser(UserError("--data x: not there")), 2, "a.py: --data x: not there\n"),
        (raiser(OSError("y: no space")), 2, "a.py: y: no space\n"),
        (raiser(FloatingPointError("loss is nan")), 2, "a.py: loss is nan\n"),
        (raiser(KeyboardInterrupt()), 130, "a.py: saved.\n"),
    ],
)
def test_exit_status(run, status, line, capsys):
    assert run_script("a.py", run, None, "saved.") == status
    assert capsys.readouterr().err == line


def test_what_is_ours_keeps_its_traceback():
    for error in (TypeError, ValueError, KeyError):  # such as shapes that do not fit
        with pytest.raises(error):
            run_script("a.py", raiser(error()), None)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--size", "0"], "--size must be above 0"),
        (["--size", "nan"], "--size must be above 0"),
        (["--size", "many"], "argument --size: invalid float value: 'many'"),
        (["--sise", "1"], "unrecognized arguments: --sise 1"),
    ],
)
def test_a_mistaken_option_is_one_line(argv, words, capsys):
    parser = Parser("a.py", "What it does.")
    parser.add_argument("--size", type=float)
    with pytest.raises(SystemExit) as end:
        parser.check_above_0(parser.parse_args(argv), "size")
    assert end.value.code == 2
    assert capsys.readouterr().err == f"a.py: {words} (see a.py --help)\n"
