"""The actions that every site has; importing them registers them."""

from workers.actions import archive, checksum, copy, delete, follow, move, noop, post, shell, sleep, stat, verify

__all__ = [
    "archive",
    "checksum",
    "copy",
    "delete",
    "follow",
    "move",
    "noop",
    "post",
    "shell",
    "sleep",
    "stat",
    "verify",
]
