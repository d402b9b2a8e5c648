"""No orphans: a process that ends when its parent does, however that ends."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent(parent: int, how: signal.Signals) -> None:
    """Have the kernel send this process a signal when ``parent``, its parent, ends. Call it in the new process.

    Until it becomes another program a new process has the handlers of its parent, which know of no child: one of them
    would take the signal, which never comes again. So here the signal is one that ends a process.
    """
    if how is not signal.SIGKILL:  # that can not be anything else
        signal.signal(how, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, how.value, 0, 0, 0)
    if os.getppid() != parent:
        # It ended before we asked.
        os.kill(os.getpid(), how)
