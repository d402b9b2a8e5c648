"""The refusal of what is not in the places that a site's file names."""

import errno
import os

_SHOWN_BYTES = 1000


class OutsideRoots(PermissionError):
    """The path is not, or does not stay, in the site's roots and stores; or what it is in may not be written to."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(errno.EACCES, reason, os.fsdecode(path[:_SHOWN_BYTES]))
