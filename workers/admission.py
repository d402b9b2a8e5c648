"""Whether a message may be run here at all: checked before any code is chosen.

What is not sealed for us, or was meant for another queue, or is from before the broker lost its memory, is refused
without a word to the hub: whoever sent it is not the hub, or the hub knows better by now. What is admitted has yet to
be claimed (claim.py).
"""

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.report import TaskError
from orchestrator.contracts.seal import unseal
from orchestrator.errors import WireError
from workers.seen import Seen
from workers.site import SiteFile


class NotAdmitted(Exception):
    """The message is not for us; the message says why."""


def opened(argument: object) -> bytes:
    """The sealed bytes of a Celery message's one argument (base64); NotAdmitted when it is something else."""
    if not isinstance(argument, str):
        raise NotAdmitted("its argument is not a text")
    try:
        return base64.b64decode(argument, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAdmitted("its argument is not base64") from error


@dataclass(frozen=True, slots=True)
class Post:
    """One pool, as a message has to name it."""

    site: str
    queue: str
    function: str
    key: bytes
    seen: Seen
    clock: Callable[[], float] = time.time

    def admit(self, sealed: bytes, task_name: str) -> Parcel:
        """The parcel, when it is ours to claim; else NotAdmitted."""
        try:
            parcel = unseal(self.key, Parcel, sealed)
        except WireError as error:
            raise NotAdmitted(str(error)) from error
        ours = (self.site, self.queue, self.function)
        if (parcel.site, parcel.queue, parcel.function) != ours:
            raise NotAdmitted(f"it is for {parcel.site}.{parcel.queue}.{parcel.function}, and this is {'.'.join(ours)}")
        if parcel.action != task_name:
            raise NotAdmitted(f"it is sealed for the action {parcel.action!r}, and came as {task_name!r}")
        if parcel.expires <= self.clock():
            raise NotAdmitted(f"parcel {parcel.id!r} expired {self.clock() - parcel.expires:.0f} s ago, by our clock")
        check_epoch(self.seen, parcel.epoch)
        return parcel


def check_epoch(seen: Seen, epoch: int) -> None:
    """NotAdmitted when a newer epoch of the broker has been seen here: its queues are as they once were."""
    if epoch < (newest := seen.newest_epoch()):
        raise NotAdmitted(f"it is of the broker's epoch {epoch}, and epoch {newest} has begun")


def forbidden(action: str, site: SiteFile) -> TaskError | None:
    """What is said of a task whose action the site's file does not allow; None when it does."""
    reason = site.allowed.off(action)
    if reason is None and any(fnmatchcase(action, pattern) for pattern in site.allow):
        return None
    more = f": {reason}" if reason else ""
    return TaskError("ActionNotAllowed", f"the file of this site does not allow the action {action!r}{more}")
