"""Ctrl-C and `kill`: a job stops within two seconds, whatever it is busy with.

Python itself looks for a signal between two of its own steps, and a compiled loop or a query of
polars may be a single step of a minute. So a thread watches for the signal as well. The job is
asked to end; if it has not after `GRACE` seconds, the thread ends the process. That loses nothing:
what stands on disk is made for a process that is killed at any point (`pipelines.resuming`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from data.leftovers import remove_leftovers

GRACE = 1.2
"""Seconds in which a job may end by itself."""

TIDYING = 0.5
"""Seconds in which what it would leave is removed, where it did not."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


@dataclass
class _State:
    """What is to be said if the process has to be ended."""

    said: str | None = None


_state = _State()


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of a process that ends so: 128 and the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


def say_at_the_end(said: str | None) -> None:
    """Say this where the process has to be ended: how to go on."""
    _state.said = said


def said_at_the_end() -> list[str]:
    """Return what is to be said."""
    return [_state.said] if _state.said else []


@contextlib.contextmanager
def watched(say: Callable[[], None]) -> Iterator[None]:
    """Stop within two seconds of SIGINT or SIGTERM while the block runs; for a main thread alone.

    Parameters
    ----------
    say
        Called before the process is ended by force.
    """
    ended = threading.Event()
    listening, told = os.pipe()
    os.set_blocking(told, False)
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    for kind in before:
        signal.signal(kind, _interrupt)
    woken = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(listening, ended, say), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for kind, handler in before.items():
            signal.signal(kind, handler)
        ended.set()
        os.close(told)  # wakes the thread, if no signal has
        watcher.join()


def _interrupt(kind: int, frame: FrameType | None) -> None:
    """Ask the job to end: what it holds open is closed and removed on the way out."""
    raise Terminated if kind == signal.SIGTERM else KeyboardInterrupt


def _watch(listening: int, ended: threading.Event, say: Callable[[], None]) -> None:
    """Wait for a signal, or for the block to end; then for it to end in time."""
    caught = b"\0"
    while caught and caught[0] not in (signal.SIGINT, signal.SIGTERM):
        caught = os.read(listening, 1)
    if not caught or ended.wait(GRACE):
        os.close(listening)  # not before: a second signal writes to it
        return
    ender = threading.Timer(TIDYING, os._exit, args=(128 + caught[0],))
    ender.daemon = True
    ender.start()
    with contextlib.suppress(Exception):
        say()
        sys.stderr.flush()
    remove_leftovers()
    if children := sys.modules.get("multiprocessing"):
        for child in children.active_children():
            child.kill()
    os._exit(128 + caught[0])
