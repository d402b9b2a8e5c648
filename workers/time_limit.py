"""The time that one task may take: an alarm in the main thread of the child that runs it."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

_AGAIN_SECONDS = 1.0
"""A handler may have caught the first alarm, or be in the middle of a clean-up: it is told again."""


class TimedOut(BaseException):
    """The time is over. No ``Exception``, so that no handler takes it for a failed path."""


@dataclass(slots=True)
class _Held:
    """Whether the alarm has to wait, and whether one does."""

    on: bool = False
    missed: bool = False


_held = _Held()


@contextmanager
def unbroken() -> Generator[None, None, None]:
    """For what must not be left half done, and is short: an alarm that comes meanwhile is raised at its end."""
    if _held.on or threading.current_thread() is not threading.main_thread():
        yield
        return
    _held.on, _held.missed = True, False
    try:
        yield
    finally:
        _held.on = False
        if _held.missed:
            raise TimedOut


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """Call, and raise TimedOut when it takes longer; no limit for None, nor in a thread, where no alarm can be set."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        return call()
    over = False
    armed = True

    def alarm(_signal: int, _frame: FrameType | None) -> None:
        nonlocal over
        if armed:
            over = _held.missed = True
            if not _held.on:
                raise TimedOut

    previous = signal.signal(signal.SIGALRM, alarm)
    try:
        # Twice, since the alarm may come in the first `finally`, of which then only the outer is carried out.
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
            result = call()
        finally:
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    if over:
        # It caught the alarm and went on as if nothing were the matter: what it says can not be relied upon.
        raise TimedOut
    return result
