"""What a worker's process has started and left behind when it was killed: found by a mark in its environment, ended."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

_MARK = "ORCHESTRATOR_WORKER"


def marks() -> dict[str, str]:
    """For the environment of what this process, a child of a worker, starts."""
    return {_MARK: f"{os.getppid()}.{os.getpid()}"}


def end_leftovers(worker: int, child: int | None = None) -> int:
    """End what a child of a worker has left, or all its children have; how many that were. Both have ended already."""
    ended = 0
    for pid in _marked(f"{_MARK}={worker}.", "" if child is None else str(child)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return ended


def _marked(start: str, child: str) -> Iterator[int]:
    wanted = (start + child).encode()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                variables = file.read().split(b"\0")
                if wanted in variables if child else any(one.startswith(wanted) for one in variables):
                    yield int(name)
