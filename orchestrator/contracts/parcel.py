"""What the hub sends to a site: parcels of tasks, and orders to walk."""

from typing import Any

import msgspec

VERSION = 1


class TaskOrder(msgspec.Struct, array_like=True, omit_defaults=True):
    """One task of a parcel."""

    task: int
    attempt: int
    """Fences: a report counts only under the attempt that is current when it arrives."""
    paths: bytes
    """The whole batch, packed (contracts.paths)."""
    given: bytes | None = None
    """Which of them this attempt is to handle; None = all."""
    carry: bytes | None = None
    """Names and notes from the steps before, packed."""


class Parcel(msgspec.Struct, omit_defaults=True):
    """One Celery message: tasks of one action of one job, for one queue. Sealed with the site's key."""

    id: str
    site: str
    queue: str
    function: str
    action: str
    """Also the name of the Celery task; a message that says otherwise is refused."""
    job: int
    step: int
    params: dict[str, Any]
    """The action's parameters, fields already bound."""
    tasks: list[TaskOrder]
    expires: float
    """Unix seconds after which it is refused; generous, since two clocks meet here."""
    timeout: float | None = None
    """Seconds one task may take before its handler is interrupted; None = what the action says itself."""
    epoch: int = 0
    queue_epoch: int = 0
    v: int = VERSION
    hard_timeout: float | None = None
    """Seconds one task may take before its process is killed; None = some time after ``timeout``."""


class RuleOrder(msgspec.Struct, array_like=True, omit_defaults=True):
    """A filter rule, as a walker needs it; its index is its place in the workflow."""

    type: str = "all"
    state: str = "all"
    include: list[str] = []
    exclude: list[str] = []
    batch_size: int = 1000


class WalkOrder(msgspec.Struct, omit_defaults=True):
    """One Celery message: walk (a subtree of) what a job was given, from a cursor on. Sealed with the site's key."""

    id: str
    site: str
    queue: str
    method: str
    """``recursive``, ``given`` or a plugin's; the Celery task is ``discovery.<method>``."""
    job: int
    subtree: int
    attempt: int
    input: bytes
    """What to start from, a packed PathList."""
    rules: list[RuleOrder]
    options: dict[str, Any]
    expires: float
    cursor: bytes | None = None
    """Where the last entry that was kept ended; opaque to the hub. None = the beginning."""
    sequence: int = 0
    """The number of the last entry that was kept; the walk goes on with the next."""
    grant: int = 0
    """The last sequence number it may send before it has to look at its grant again."""
    epoch: int = 0
    queue_epoch: int = 0
    v: int = VERSION


def discovery_task_name(method: str) -> str:
    """The Celery name of a discovery method."""
    return f"discovery.{method}"
