"""Waiting for something to be so, with a deadline."""

import time
from collections.abc import Callable


def wait_until(so: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Ask again and again until it is so (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
