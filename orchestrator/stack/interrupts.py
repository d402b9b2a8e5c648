"""Being asked to stop: once for good order, twice for haste."""

import os
import select
import signal
from types import FrameType


class Asked(BaseException):
    """The stack was asked to stop before it was ready; no error."""


class Interrupts:
    """Counts SIGINT, SIGTERM and SIGHUP from when it is entered; they do nothing else any more. For the main thread."""

    def __init__(self) -> None:
        self._count = 0
        self._counted: list[signal.Signals] = []
        # The system writes here when a signal comes: no lock that the interrupted thread might hold.
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> "Interrupts":
        """Begin to count; a hang-up counts unless whoever started us (``nohup``) wanted it ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._count_one)
                self._counted.append(number)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """What is left to do is to end, and no signal should cut that short.

        Ignored by the kernel, not by a handler: Python gives its handlers up before the process is gone.
        """
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in self._counted:
            signal.signal(number, signal.SIG_IGN)
        os.close(self._woken)
        os.close(self._wake)

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._count > 0

    @property
    def hurried(self) -> bool:
        """Whether to stop at once."""
        return self._count > 1

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; cut short by a signal or the end of a child, also one since the last pause."""
        if select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 4096)

    def _count_one(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A signal that has a handler is written to the pipe."""
