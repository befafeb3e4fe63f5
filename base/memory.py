"""When memory runs out: how it is known, and what to say."""

# class names: TensorFlow's, PyTorch's, Python's; JAX and OpenCV tell it in words
MEMORY_ERRORS = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "Insufficient memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether any backend, numpy or OpenCV ran out of memory, here or as the cause."""
    if error.__cause__ and is_out_of_memory(error.__cause__):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    return not names.isdisjoint(MEMORY_ERRORS) or any(w in text for w in MEMORY_WORDS)


def memory_line(error: Exception, batch_size: int | None) -> str:
    """One line where a script ran out of memory; any other error rises again.

    batch_size: None where the script has no such option.
    """
    if not is_out_of_memory(error):
        raise error
    if batch_size is None:
        return "out of memory: close other programs."
    smaller = f"try --batch-size {batch_size // 2}, or " if batch_size > 1 else ""
    return f"out of memory at --batch-size {batch_size}: {smaller}close other programs."
