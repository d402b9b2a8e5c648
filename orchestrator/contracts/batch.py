"""What a walker sends to the hub on its site's stream of batches."""

import msgspec

VERSION = 1


class Found(msgspec.Struct, array_like=True, omit_defaults=True):
    """Paths that took one rule: they become one batch, and its chain. An entry may have several of one rule."""

    rule: int
    n: int
    paths: bytes
    """Packed (contracts.paths); the hub stores it as it is."""


class Trouble(msgspec.Struct, array_like=True, omit_defaults=True):
    """A path that discovery could not handle (an unreadable folder): counts as a failed path."""

    path: bytes
    message: str
    error_class: str = ""


class Shed(msgspec.Struct, array_like=True, omit_defaults=True):
    """A subtree that the walker leaves to another: becomes a walk of its own."""

    input: bytes
    """What that walk starts from, a packed PathList."""


class Batch(msgspec.Struct, omit_defaults=True):
    """One entry of a site's batch stream (field ``d``), sealed. Numbered from 1 within its walk, without gaps.

    Kept in one transaction with its cursor: a walk that starts again repeats nothing and leaves nothing out.
    """

    site: str
    node: str
    job: int
    subtree: int
    attempt: int
    sequence: int
    """0 only says that the walk has begun."""
    cursor: bytes | None = None
    found: list[Found] = []
    unmatched: int = 0
    """How many paths took no rule."""
    troubles: list[Trouble] = []
    shed: list[Shed] = []
    closed: bool = False
    """There is nothing more in this walk."""
    broken: str | None = None
    """Why it failed for good."""
    stopped: bool = False
    """It stops at this cursor, as it was asked to."""
    asks: bool = False
    """It is no entry of its own: the walk has sent that number, and has been waiting for its grant since."""
    v: int = VERSION
    seen: bytes | None = None
    """What is in the folders that were looked into, packed (contracts.sighting): the hub finds out what has changed."""
