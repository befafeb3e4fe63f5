"""Work beside the main thread: items prepared ahead of it, results written behind it.

Both hold a fixed number of items, so memory stays flat however long the work is, and
both hand errors on to the main thread.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

Item = TypeVar("Item")

WAIT = 0.1  # seconds, ours: how soon a waiting thread notices that it is to stop
PATIENCE = 2.0  # seconds, ours: a thread that hangs in a camera is not waited for


def prefetch(items: Iterable[Item], size: int, newest: bool = False) -> Iterator[Item]:
    """The items in their order, taken in a thread while the caller works.

    At most `size` of them wait. `newest`: where they come faster than they are used,
    the oldest that waits is dropped (a camera does not wait). What `items` raises is
    raised here, in its place. Closing the iterator closes `items`.

    >>> list(prefetch(range(4), size=2))
    [0, 1, 2, 3]
    """
    ready: queue.Queue = queue.Queue(size)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_fill, args=(items, ready, stopped, newest), daemon=True, name="prefetch"
    )
    thread.start()
    try:
        while True:
            item, end = ready.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item
    finally:
        stopped.set()
        thread.join(PATIENCE)


def _fill(
    items: Iterable, ready: queue.Queue, stopped: threading.Event, newest: bool
) -> None:
    """The thread of `prefetch`: pairs of an item and None, last of None and why it
    ended.

    Only items are dropped for newer ones, never the end.
    """
    end: BaseException = StopIteration()
    try:
        for item in items:
            _put(ready, (item, None), stopped, newest)
            if stopped.is_set():
                break
    except BaseException as error:
        end = error
    finally:
        if hasattr(items, "close"):
            items.close()
    _put(ready, (None, end), stopped, newest=False)


def _put(
    ready: queue.Queue, pair: tuple, stopped: threading.Event, newest: bool
) -> None:
    while not stopped.is_set():
        try:
            return ready.put(pair, timeout=0 if newest else WAIT)
        except queue.Full:
            if newest:
                with suppress(queue.Empty):  # it has just been taken
                    ready.get_nowait()


class BackgroundWriter:
    """Calls `work` for each item that is put, in order, in a thread.

    `put` waits while `size` items wait. What `work` raises is raised by the next `put`
    or by `close`, which waits until all is done; after an error nothing more is done.
    """

    def __init__(self, work: Callable[..., Any], size: int) -> None:
        self._work = work
        self._waiting: queue.Queue = queue.Queue(size)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="behind")
        self._thread.start()

    def put(self, *arguments: Any) -> None:
        """Hand on the arguments of one call of `work`."""
        self._raise_error()
        self._waiting.put(arguments)

    def close(self) -> None:
        """Wait for what was put; a second call does nothing."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        self._raise_error()

    def _run(self) -> None:
        while (arguments := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._work(*arguments)
                except BaseException as error:
                    self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            # the thread goes on discarding: nothing is worked on after an error
            self._work = lambda *_: None
            raise error
