"""What a site sends to the hub on its stream of reports: what its tasks do, and who is there."""

from typing import Any

import msgspec

VERSION = 1

PATHS = "paths"
"""Stands in ``changes`` for the paths themselves, and what is beside them; no parameter can have that name."""


class Problem(msgspec.Struct, array_like=True, omit_defaults=True):
    """A path that was not processed, and why."""

    index: int
    """Its place in the batch."""
    outcome: str
    """``failed``, ``aborted`` or ``skipped``."""
    path: bytes
    """Under its present name."""
    message: str = ""
    error_class: str = ""
    """The exception's class, or what the action called the failure."""


class TaskError(msgspec.Struct, array_like=True, omit_defaults=True):
    """An unexpected error: the action let it out."""

    error_class: str
    message: str
    traceback: str = ""
    """The last part of it, for the author of the action; no values of variables."""


class Started(msgspec.Struct, array_like=True, omit_defaults=True, tag="started"):
    """A worker has begun a task."""

    task: int
    attempt: int
    at: float
    """Unix seconds on the worker's clock: shown, never compared with another clock."""


class Ended(msgspec.Struct, array_like=True, omit_defaults=True, tag="ended"):
    """A task is over. With ``error`` there is no structured result, and the counts are what was reported until then."""

    task: int
    attempt: int
    seconds: float
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    aborted: int = 0
    passed: bytes | None = None
    """Which of the batch's paths go on down the chain, as bits; None = every path that was given."""
    problems: list[Problem] = []
    carry: bytes | None = None
    """Names and notes for the next step, packed: all of them, also those that came along."""
    error: TaskError | None = None
    stopped: bool = False
    """It was told to stop, and did."""
    started_at: float = 0.0
    late: bool = False
    """Its time limit ended it; the counts are what was reported until then, and hold."""
    at: int = -1
    """With ``late``: the path that it was at, by its place in the batch; -1 = nobody can tell."""


class Returned(msgspec.Struct, array_like=True, omit_defaults=True, tag="returned"):
    """A task is handed back unbegun; it costs nothing."""

    task: int
    attempt: int
    reason: str = ""


class Died(msgspec.Struct, array_like=True, omit_defaults=True, tag="died"):
    """The process that ran a task died with it. Said by its parent, or concluded by the hub from a lapsed lease."""

    task: int
    attempt: int
    reason: str = ""
    error: TaskError | None = None
    """It was killed for this: a path that was alone with it is to blame, and need not be tried again to know that."""


class LogLine(msgspec.Struct, array_like=True, omit_defaults=True):
    """A line of a task's log."""

    task: int
    attempt: int
    at: float
    """Unix seconds on the worker's clock: shown, never compared with another clock."""
    level: int
    """As of Python's logging: 10 debug, 20 info, 30 warning, 40 error, 50 critical."""
    message: str
    path: bytes | None = None
    """What was being worked on, under its present name."""
    logger: str = ""


class TaskProgress(msgspec.Struct, array_like=True, omit_defaults=True):
    """How far a task is with the path that it is at."""

    task: int
    attempt: int
    share: float
    """From 0 to 1."""
    note: str = ""
    path: bytes | None = None
    """None: it is how far the task is as a whole."""


class ActionOffer(msgspec.Struct, omit_defaults=True):
    """An action that a node can run."""

    name: str
    version: str
    parameters: dict[str, Any]
    """JSON Schema of its keyword parameters, ``additionalProperties`` false unless it takes any."""
    description: str = ""
    timeout: float | None = None
    changes: list[str] = []
    """Parameters that name a folder in which it makes or changes files, or say that it does so beside its paths."""
    runs_in: str = ""
    """The function that it asks for, where its queue has that; empty: any will do."""


class Announcement(msgspec.Struct, omit_defaults=True):
    """A node (one Celery worker: a site's pool on a host) is there. Sent at its start and every few seconds."""

    node: str
    """Celery's name of the worker, such as ``london.worker@host``."""
    function: str
    queues: list[str]
    """The site's own names for them, such as ``default``."""
    concurrency: int
    version: str
    at: float
    """Unix seconds on its clock, by which the skew is measured and shown."""
    running: int = 0
    actions: list[ActionOffer] | None = None
    """Only at the start and every minute or so: None = as said before."""
    discoveries: list[str] | None = None
    problems: list[str] = []
    """Plugins that could not be loaded: of each a line that says why, and then the traceback."""
    leaving: bool = False
    draining: bool = False
    """It finishes what runs and takes nothing new."""
    holding: list[str] = []
    """The parcels and orders that it has taken and not finished: this renews their leases."""
    boot: str = ""
    """Which start of it this is. Whoever says so answers canaries, and restarts when it is asked to."""
    queue_epoch: int = 0
    """Of the names of the queues that it serves (contracts.names.queue)."""
    limits: dict[str, float] = {}
    """What each of its processes may take: ``memory`` (bytes), ``cpu_time`` (seconds of a task), ``nice``."""
    pool: str = ""
    """What it is made of: ``prefork`` or ``threads``."""


Item = Started | Ended | Returned | Died
"""What moves a task on."""
Said = LogLine | TaskProgress
"""What a task says of itself while it runs: shown, and nothing else comes of it."""


class Reports(msgspec.Struct, omit_defaults=True):
    """One entry of a site's report stream (field ``d``), sealed."""

    site: str
    node: str
    items: list[Item] = []
    announcement: Announcement | None = None
    heard: list[str] = []
    """Canaries that got through to this node."""
    log: list[LogLine] = []
    progress: list[TaskProgress] = []
    v: int = VERSION
