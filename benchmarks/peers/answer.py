"""The inside of a peer's program: it is asked for measurements, one JSON line each, and answers in the same way."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import TextIO

Measures = Mapping[str, Callable[[int], object]]


def answer(at_work: Callable[[], AbstractContextManager[Measures]], *packages: str) -> None:
    """Put the peer to work, say its versions, then answer ``{"measure": name, "n": count}`` until the input ends.

    Whatever it prints goes to standard error: standard output is for the answers alone.
    """
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with at_work() as measures:
        _put(replies, {"versions": {package: version(package) for package in packages}})
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                _put(replies, {"answer": measures[asked["measure"]](asked["n"])})
            except Exception as error:  # noqa: BLE001 - whatever befalls a peer is its result
                _put(replies, {"error": f"{type(error).__name__}: {error}"})


def wait_for(so: Callable[[], bool], seconds: float, what: str, pause: float = 0.002) -> None:
    """Until it is so; TimeoutError says what was waited for."""
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def _put(replies: TextIO, document: object) -> None:
    replies.write(json.dumps(document) + "\n")
