"""The names of queues, streams and keys: who may touch what is decided by these prefixes."""

from enum import StrEnum

PREFIX = "orchestrator"


class Function(StrEnum):
    """What a pool of workers is for: long walks never starve work, nor does work starve browsing."""

    DISCOVERY = "discovery"
    WORKER = "worker"
    CUSTOM = "custom"
    INTERACTIVE = "interactive"


PEOPLE = "people"
"""Stands for a function where a step is done by people; no pool of workers has this name."""


def queue(site: str, queue: str, function: str, epoch: int = 0) -> str:
    """The Celery queue of one pool, such as ``london.default.worker``; ``london.default.worker.e1`` after the first.

    Its epoch grows when what stands in it keeps ending those who serve it: then it is left, and another is begun.
    """
    name = f"{site}.{queue}.{function}"
    return f"{name}.e{epoch}" if epoch else name


def reports_stream(site: str) -> str:
    """Where a site says what became of its tasks, and who is there."""
    return f"{PREFIX}:{site}:reports"


def batches_stream(site: str) -> str:
    """Where a site's walkers send what they find."""
    return f"{PREFIX}:{site}:batches"


def stream_parts(stream: str) -> tuple[str, str]:
    """The site and the kind (``reports`` or ``batches``) of a stream's name."""
    _, site, kind = stream.split(":")
    return site, kind


def grants_key(site: str) -> str:
    """A hash: ``job:subtree`` -> the last sequence number that walk may send now (back-pressure)."""
    return f"{PREFIX}:{site}:grants"


STOP = -1
"""A grant that says: stop at this checkpoint."""


def handouts_key(site: str) -> str:
    """A hash of the messages whose claims the hub has not heard of yet (contracts/claims.py)."""
    return f"{PREFIX}:{site}:handouts"


def permits_key(site: str) -> str:
    """A set of the jobs whose hand-outs may be claimed."""
    return f"{PREFIX}:{site}:permits"


def stops_key(site: str) -> str:
    """A hash of the jobs whose running tasks are asked to stop: job -> seconds of grace before they are killed."""
    return f"{PREFIX}:{site}:stops"


def lane(queue: str, function: str) -> str:
    """What a site calls one of its queues' functions, such as ``default.worker``."""
    return f"{queue}.{function}"


def queue_epochs_key(site: str) -> str:
    """A hash: lane -> the epoch of its queue; one that is absent is at 0."""
    return f"{PREFIX}:{site}:queue_epochs"


def restart_key(site: str, node: str) -> str:
    """The boot of a node that is asked to restart; only that very start of it does. With GENTLY, it is given time."""
    return f"{PREFIX}:{site}:restart:{node}"


GENTLY = ":gently"
"""Said behind a boot: it is to end in good order only, however long what it runs may take."""


EPOCH_KEY = f"{PREFIX}:epoch"
"""The broker's epoch: a number that PostgreSQL knows too. Where it is missing or another, Redis lost its memory."""

SITES_KEY = f"{PREFIX}:sites"
"""A set of the sites that have announced themselves; only a signed announcement makes one known."""

WAKE_STREAM = f"{PREFIX}:wake"
"""Wakes the hub when the API has written something that it should look at; a hint, never needed."""
