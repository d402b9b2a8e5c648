"""No orphans: a process that ends when its parent does, however that ends."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent(parent: int, how: signal.Signals) -> None:
    """Have the kernel send this process a signal when ``parent``, its parent, ends. Call it in the new process."""
    _libc.prctl(_PR_SET_PDEATHSIG, how.value, 0, 0, 0)
    if os.getppid() != parent:
        # It ended before we asked.
        os.kill(os.getpid(), how)
