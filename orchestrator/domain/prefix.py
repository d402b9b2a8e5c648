"""Path prefixes: a folder, or a part of a store, and all that is below it."""

from collections.abc import Iterable


def any_below(paths: Iterable[bytes], prefix: bytes) -> bool:
    """Whether one of the paths is this prefix, or below it: ``/data/a`` has ``/data/a/b``, and not ``/data/ab``."""
    itself = prefix.rstrip(b"/")
    below = itself + b"/"
    return any(path.startswith(below) or path == itself for path in paths)
