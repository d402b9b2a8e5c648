"""The Linux call that opens a path beneath a folder and nowhere else (openat2, Linux 5.6), which Python lacks."""

import ctypes
import errno
import os

BENEATH = 0x08 | 0x02
"""RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS: neither ``..`` nor a link leads out, nor does one of /proc."""

_OPENAT2 = 437  # the same on every architecture that Python runs on
_MAKES = os.O_CREAT | getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def open_beneath(folder: int, path: bytes, flags: int, mode: int) -> int:
    """A descriptor of ``path``, resolved relative to ``folder`` and never above it.

    OSError: EXDEV where the path leads out (an absolute link always counts as out), ENOSYS where the kernel is
    too old; otherwise what ``open`` raises.
    """
    how = _How(flags | os.O_CLOEXEC, mode if flags & _MAKES else 0, BENEATH)
    while True:
        size = ctypes.c_size_t(ctypes.sizeof(how))
        fd = _syscall(ctypes.c_long(_OPENAT2), ctypes.c_int(folder), ctypes.c_char_p(path), ctypes.byref(how), size)
        if fd >= 0:
            return int(fd)
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), os.fsdecode(path))


def _available() -> bool:
    try:
        os.close(open_beneath(-100, b".", os.O_PATH, 0))  # -100: AT_FDCWD
    except OSError:
        # Also EPERM, which is what a sandbox says that does not know the call.
        return False
    return True


AVAILABLE = _available()
