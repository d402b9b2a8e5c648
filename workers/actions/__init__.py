"""The actions that every site has; importing them registers them."""

from workers.actions import checksum, copy, noop, sleep, stat

__all__ = ["checksum", "copy", "noop", "sleep", "stat"]
