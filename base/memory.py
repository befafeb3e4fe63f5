"""How much memory is free; when it runs out: how that is known, and what to say."""

import os
from pathlib import Path

# class names: TensorFlow's, PyTorch's, Python's; JAX and OpenCV tell it in words
MEMORY_ERRORS = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "Insufficient memory")
# a container's limit: version 2 of control groups, version 1
CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process may still take: the machine's or its container's.

    None where the system does not tell, as on Windows and macOS. root: of the files
    that do.
    """
    try:
        text = (root / "proc/meminfo").read_text()
    except OSError:
        return None
    (kilobytes,) = [li.split()[1] for li in text.splitlines() if "MemAvailable" in li]
    free = [int(kilobytes) * 1024]
    for names in CGROUPS:
        paths = [root / "sys/fs/cgroup" / name for name in names]
        if all(path.exists() for path in paths):
            limit, used = (path.read_text().strip() for path in paths)
            if limit.isdecimal():  # "max": no limit
                free.append(int(limit) - int(used))
    return max(min(free), 0)


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether any backend, numpy or OpenCV ran out of memory, here or as the cause."""
    if error.__cause__ and is_out_of_memory(error.__cause__):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    return not names.isdisjoint(MEMORY_ERRORS) or any(w in text for w in MEMORY_WORDS)


def memory_line(error: Exception, batch_size: int | str | None) -> str:
    """One line where a script ran out of memory; any other error rises again.

    batch_size: None where the script has no such option, a word where it is chosen.
    """
    if not is_out_of_memory(error):
        raise error
    if not isinstance(batch_size, int):
        return "out of memory: close other programs."
    smaller = f"try --batch-size {batch_size // 2}, or " if batch_size > 1 else ""
    return f"out of memory at --batch-size {batch_size}: {smaller}close other programs."
