"""What every folder and script may stand on; it knows none of them.

- command_line.py: options and errors of one line, for all scripts; renamed.py: names of
  earlier versions
- errors.py: mistakes of users, a class of their own
- files.py: files that appear whole or not at all; names of files that are to be written
- download.py: files from the network, resumed and checked
- ids.py: ids that are numbers in one file and texts in another
- memory.py: what it looks like when memory runs out; background.py: threads that read
  ahead and write behind
- keras_setup.py: Keras and TensorFlow without the greetings of native libraries;
  compiled.py: a function as a graph
- priors.py: prior boxes; boxes.py: IoU, pixels; constants.py: none of them needs Keras
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """The values of each key, in their order.

    >>> grouped([("a", 1), ("b", 2), ("a", 3)])
    {'a': [1, 3], 'b': [2]}
    """
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def imported_on_use(
    package: str, modules: dict[str, tuple[str, ...]]
) -> Callable[[str], Any]:
    """A package's `__getattr__`: each public name comes from its module when asked for.

    modules: module of the package -> its public names.
    """

    def get(name: str) -> Any:
        for module, names in modules.items():
            if name in names:
                return getattr(import_module(f"{package}.{module}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
