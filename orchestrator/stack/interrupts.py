"""Being asked to stop: once for good order, twice for haste."""

import signal
import threading
from types import FrameType


class Asked(BaseException):
    """The stack was asked to stop before it was ready; no error."""


class Interrupts:
    """Counts SIGINT, SIGTERM and SIGHUP from when it is entered; they do nothing else any more."""

    def __init__(self) -> None:
        self._count = 0
        self._came = threading.Event()
        self._counted: list[signal.Signals] = []

    def __enter__(self) -> "Interrupts":
        """Begin to count; a hang-up counts unless whoever started us (``nohup``) wanted it ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._count_one)
                self._counted.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        """What is left to do is to end, and no signal should cut that short.

        Ignored by the kernel, not by a handler: Python gives its handlers up before the process is gone.
        """
        for number in self._counted:
            signal.signal(number, signal.SIG_IGN)

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._count > 0

    @property
    def hurried(self) -> bool:
        """Whether to stop at once."""
        return self._count > 1

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; a signal cuts it short."""
        self._came.wait(seconds)
        self._came.clear()

    def _count_one(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        self._came.set()
