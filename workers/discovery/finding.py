"""What a discovery method is given, and what it yields (docs/discovery.md tells how to write one).

Each finding carries a *cursor*: the place from which the method, started again, goes on after that finding. It is
the method's own bytes, opaque to everyone else. A walker that is killed leaves nothing out and repeats nothing,
because what it found and the cursor behind it are kept together or not at all.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.contracts.paths import PathList
from orchestrator.contracts.sighting import Sighting
from workers.roots import Roots


class DiscoveryError(Exception):
    """Discovery can not do what it was asked to: the walk is broken, with this message as the reason."""


@dataclass(slots=True)
class Found:
    """One path."""

    path: bytes
    cursor: bytes
    kind: str = "?"
    """A letter of ``orchestrator.contracts.paths.KINDS``."""
    state: str | None = None
    """What happened to it (created, modified ...); None where the method knows nothing of the kind."""
    size: int | None = None
    """Bytes."""
    base: bytes = b""
    """The starting path under which it was found; empty = the folder it lies in."""


@dataclass(slots=True)
class Listing:
    """Many paths at once, in order: the fast way. Columns of one length; states or sizes may be empty."""

    names: list[bytes]
    kinds: str
    cursor: Callable[[int], bytes]
    """The cursor after the first n of them (n > 0); asked for only before the next finding is."""
    folder: bytes = b""
    """What stands before every name, with its slash; empty where the names are whole paths."""
    states: Sequence[str | None] = ()
    sizes: Sequence[int | None] = ()
    base: bytes = b""


@dataclass(slots=True)
class Trouble:
    """A path that could not be looked at or into; it counts as a failed path, and the walk goes on."""

    path: bytes
    message: str
    cursor: bytes
    error_class: str = ""


@dataclass(slots=True)
class Share:
    """Parts of what lies ahead that other walkers are to take, each a walk of its own; the cursor leaves them out."""

    parts: list[PathList]
    cursor: bytes


@dataclass(slots=True)
class Sighted:
    """What is in a folder now, from which the hub finds out what has changed."""

    sighting: Sighting
    cursor: bytes


@dataclass(slots=True)
class Alive:
    """Nothing yet: lets the walker send what it has and look whether it is to stop. For slow stretches."""


ALIVE = Alive()

Finding = Found | Listing | Trouble | Share | Sighted | Alive


@dataclass(slots=True)
class DiscoveryContext:
    """What surrounds a discovery method at a site."""

    roots: Roots
    """What it may touch. Nothing outside is looked at, whatever a path or a link says."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("workers.discovery"))
    idle: int = 0
    """How many other walkers of this site have nothing to do: a method that can may ``Share`` with them."""
