"""What holds for a whole process changes where a script starts, never by an import."""

import ast
import subprocess
import sys

from tests.base.test_structure import ROOT, modules, name_of

# other packages come first: what they change is theirs
PROGRAM = """
import gc, importlib, locale, logging, os, signal, socket, sys, warnings
import cv2, numpy
from PIL import Image

def settings():
    return {
        **os.environ,
        "warnings": list(warnings.filters),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "threads": cv2.getNumThreads(),
        "OpenCV": cv2.useOptimized(),
        "floats": numpy.geterr(),
        "pixels": Image.MAX_IMAGE_PIXELS,
        "recursion": sys.getrecursionlimit(),
        "collector": gc.isenabled(),
        "timeout": socket.getdefaulttimeout(),
        "locale": locale.setlocale(locale.LC_ALL),
        "level": (logging.getLogger().level, len(logging.getLogger().handlers)),
        "streams": (sys.stdout.errors, sys.stderr.errors),
        "working folder": os.getcwd(),
    }

def load(names):
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:  # a runtime that is not installed
            print(name, error)

cv2.setNumThreads(3)
load(%r)
before = settings()
load(%r)
after = settings()
assert before == after, {k: (v, after[k]) for k, v in before.items() if v != after[k]}
"""


def foreign():
    """Modules of others that ours import at their top, with their parts."""
    names = set()
    for path in modules():
        for node in ast.parse((ROOT / path).read_text("utf-8")).body:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
    own = {name_of(path).partition(".")[0] for path in modules()}
    return sorted(name for name in names if name.partition(".")[0] not in own)


def test_imports_change_nothing_of_the_process():
    own = [name_of(path) for path in modules() if path.stem != "__main__"]
    program = PROGRAM % (foreign(), own)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_a_program_that_imports_keras_keeps_its_garbage_collection(tmp_path):
    program = """
import gc, sys
from base.keras_setup import import_keras
import_keras()
assert gc.isenabled() and not gc.get_freeze_count()

class Log:
    def __init__(self):
        self.file, self.cycle = open(sys.argv[1], "w"), self

log = Log()
log.file.write("written by the collection at the end")
"""
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", program, log], cwd=ROOT, check=True)
    assert log.read_text().startswith("written")
