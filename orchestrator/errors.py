"""Every error this project raises on purpose.

::

    OrchestratorError
    |- IllegalTransition      an event that the machine has no edge for (HTTP 409)
    |- Refused                a request that can not be taken as it is
    |  |- Unauthenticated     no key, or none that we know (401)
    |  |- Forbidden           a known key without the right (403)
    |  |- NotFound            no such thing (404)
    |  |- Conflict            right request, wrong moment (409)
    |  |- Stale               another version than the one that was meant (412)
    |  |- Invalid             wrong content, with the place and the reason of each fault (422)
    |  `- TooLarge            more than the limit (413)
    |- WireError              bytes from elsewhere that are not what they should be
    |  `- BadSeal             not signed by the key of the site they name
    |- ConfigError            a setting that can not work, with its name and the remedy
    `- Unreachable            a part we need does not answer

Late is not an error: a report that is outdated is a value, dropped and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class OrchestratorError(Exception):
    """The root: catch it to catch everything raised on purpose."""


class IllegalTransition(OrchestratorError):
    """The machine has no edge for this event in this state; nothing was changed."""

    def __init__(self, machine: str, state: str, event: str, legal: Sequence[str]) -> None:
        self.machine, self.state, self.event, self.legal = machine, state, event, tuple(legal)
        options = ", ".join(self.legal) or "none: this state is final"
        super().__init__(f"{machine} in {state}: {event} is not possible (possible: {options})")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: where (a JSON path such as ``$.paths[3]``) and why."""

    place: str
    reason: str


class Refused(OrchestratorError):
    """A request that is not carried out; the message is meant for the person who sent it."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        self.detail, self.faults = detail, tuple(faults)
        super().__init__(detail)


class Unauthenticated(Refused):
    """No key was given, or one that is unknown, expired or revoked."""


class Forbidden(Refused):
    """The key is known, and may not do this."""


class NotFound(Refused):
    """There is no such thing, or not for this caller."""


class Stale(Refused):
    """What was to be changed has been changed by somebody else since it was read."""


class Conflict(Refused):
    """The request is right, the moment is not; ``legal`` are the events that would be possible, where it was one."""

    def __init__(self, detail: str, faults: Sequence[Fault] = (), *, legal: Sequence[str] | None = None) -> None:
        self.legal = legal
        super().__init__(detail, faults)


class Invalid(Refused):
    """The content is wrong; ``faults`` has the place and the reason of each."""


class TooLarge(Refused):
    """The request is larger than what is taken."""


class WireError(OrchestratorError):
    """Bytes from a queue or a stream that can not be read as what they should be."""


class BadSeal(WireError):
    """The bytes are not signed by the key of the site that they name."""


class ConfigError(OrchestratorError):
    """A setting is missing or can not work; the message names it and the remedy."""


class Unreachable(OrchestratorError):
    """A part that is needed (database, broker, API) does not answer."""
