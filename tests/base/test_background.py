"""Threads beside the main one: order, bounds, errors, ends."""

import threading
import time

import pytest

from base.background import BackgroundWriter, prefetch


def wait_for(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("number", [0, 1, 2, 50])
@pytest.mark.parametrize("size", [1, 3])
def test_ahead_keeps_order_and_loses_nothing(number, size):
    assert list(prefetch(iter(range(number)), size)) == list(range(number))


def test_ahead_runs_ahead_but_not_further():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    stream = prefetch(items(), 2)
    assert next(stream) == 0
    # one taken, two that wait, one in the thread's hand
    assert wait_for(lambda: len(made) == 4)
    time.sleep(0.05)
    assert len(made) == 4
    assert list(stream) == list(range(1, 20))


def test_ahead_raises_in_its_place():
    def items():
        yield 1
        yield 2
        raise ValueError("three")

    stream = prefetch(items(), 5)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ValueError, match="three"):
        next(stream)


def test_closing_ahead_closes_its_items():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    stream = prefetch(items(), 2)
    next(stream)
    stream.close()
    assert closed.is_set()
    assert "ahead" not in {thread.name for thread in threading.enumerate()}


def test_the_newest_is_never_dropped():
    taken, done = threading.Event(), threading.Event()

    def items():
        yield 0
        assert taken.wait(10)
        yield from range(1, 100)
        done.set()

    stream = prefetch(items(), 2, newest=True)
    assert next(stream) == 0
    taken.set()
    assert done.wait(10)
    assert list(stream) == [98, 99]


def test_behind_works_in_order_and_waits_at_its_end():
    done = []

    def work(item, more):
        time.sleep(0.001)
        done.append((item, more))

    behind = BackgroundWriter(work, 2)
    for i in range(20):
        behind.put(i, -i)
    behind.close()
    assert done == [(i, -i) for i in range(20)]
    behind.close()


def test_behind_holds_at_most_its_size():
    go = threading.Event()
    behind = BackgroundWriter(lambda item: go.wait(10), 2)
    put = []

    def fill():
        for i in range(5):
            behind.put(i)
            put.append(i)

    thread = threading.Thread(target=fill)
    thread.start()
    assert wait_for(lambda: len(put) == 3)  # one is worked on, two wait
    time.sleep(0.05)
    assert len(put) == 3
    go.set()
    thread.join()
    behind.close()


def test_behind_hands_errors_on_and_does_no_more():
    done = []

    def work(item):
        if item == 1:
            raise OSError("disk full")
        done.append(item)

    behind = BackgroundWriter(work, 1)
    with pytest.raises(OSError, match="disk full"):
        for i in range(50):
            behind.put(i)
    behind.close()
    assert done == [0]
    behind = BackgroundWriter(work, 1)
    behind.put(1)
    with pytest.raises(OSError, match="disk full"):
        behind.close()
