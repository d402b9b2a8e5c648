"""Actions that do what an action should not; a path says what."""

import ctypes
import os
import signal
import time

from workers import Context, Path, action


@action("hazard")
def hazard(ctx: Context, paths: list[Path]) -> None:
    """Do to each path what it is called."""
    for path in paths:
        match path.path:
            case "/exit":
                os._exit(3)
            case "/kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "/stuck":
                # In C, with the interpreter's lock, for ever: a lock that this thread holds already.
                # Before that its beginning is reported, which no other thread can do afterwards.
                time.sleep(0.3)
                lock = ctypes.create_string_buffer(128)
                libc = ctypes.PyDLL(None)
                libc.pthread_mutex_lock(lock)
                libc.pthread_mutex_lock(lock)
            case "/wait":
                while True:
                    time.sleep(0.05)
            case "/eat" | "/burn":
                _take(path.path)
            case "/until-told":
                while not ctx.cancelled:
                    time.sleep(0.05)
                return
            case "/fail":
                ctx.fail(path, "as it is called")
                continue
            case _:
                pass
        ctx.done(path)


def _take(what: str) -> None:
    """Take memory or time, as much as there is."""
    while what == "/burn":
        pass
    bytearray(1 << 30)
