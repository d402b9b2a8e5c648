"""Whether anybody touches a folder: the kernel says so (inotify)."""

import ctypes
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# Read, written, attributes changed, opened, moved from or to, made, deleted.
_EVENTS = 0x001 | 0x002 | 0x004 | 0x020 | 0x040 | 0x080 | 0x100 | 0x200
_HEAD = struct.Struct("iIII")


class Touches:
    """What has happened to some folders and what lies directly in them, since the last time this was asked."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def seen(self) -> list[str]:
        """Names and the bits of the event, in order."""
        found: list[str] = []
        try:
            data = os.read(self._fd, 1 << 20)
        except BlockingIOError:
            return found
        while data:
            _, mask, _, length = _HEAD.unpack_from(data)
            name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
            found.append(f"{os.fsdecode(name) or '.'} {mask:#x}")
            data = data[_HEAD.size + length :]
        return found


@contextmanager
def watching(*folders: Path) -> Generator[Touches]:
    """Watch these folders, not what is deeper."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        for folder in folders:
            if libc.inotify_add_watch(fd, os.fsencode(folder), _EVENTS) < 0:
                raise OSError(ctypes.get_errno(), f"can not watch {folder}")
        yield Touches(fd)
    finally:
        os.close(fd)
