"""What the client raises: what the service refuses, by its status, and a job that did not end well.

::

    orchestrator.errors.OrchestratorError
    |- Refused
    |  `- ApiRefused          the service does not do it: ``status``, ``detail``, and the place of each fault
    |     |- NotAuthenticated    401  no key, or one that is unknown, expired or revoked
    |     |- NotAllowed          403
    |     |- NotThere            404
    |     |- NotNow              409  ``legal_events`` are those that could be fired
    |     |- Changed             412  somebody else has changed it meanwhile
    |     |- NotValid            422  ``faults`` has the place and the reason of each
    |     `- Busy                429 and 5xx  not now, or a part of the service is away
    |- JobNotSuccessful       a job ended otherwise, and it was asked for with ``check=True``
    `- Unreachable            nobody answers
"""

from collections.abc import Sequence
from typing import Any, cast

import httpx

from orchestrator.contracts.views import Job
from orchestrator.errors import Fault, OrchestratorError, Refused, Unreachable

Document = dict[str, Any]


class ApiRefused(Refused):
    """The service's problem document: what it does not do, and why. ``status`` is the HTTP status."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[Fault] = (),
        legal_events: Sequence[str] | None = None,
    ) -> None:
        self.status, self.title, self.legal_events = status, title, legal_events
        super().__init__(detail or title, errors)

    def __str__(self) -> str:
        return "; ".join([self.detail, *(f"{fault.place}: {fault.reason}" for fault in self.faults)])


class NotAuthenticated(ApiRefused):
    """No key was sent, or one that is unknown, expired or revoked."""


class NotAllowed(ApiRefused):
    """The key may not do this."""


class NotThere(ApiRefused):
    """There is no such thing."""


class NotNow(ApiRefused):
    """The state does not allow it, or it is there already."""


class Changed(ApiRefused):
    """Somebody else has changed it since it was read."""


class NotValid(ApiRefused):
    """The request is wrong."""


class Busy(ApiRefused):
    """Too much is asked for, or a part of the service does not answer: later it may."""


class JobNotSuccessful(OrchestratorError):
    """A job has ended, and not as ``Success``."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"job {job.id} ended {job.state}" + (f": {job.reason}" if job.reason else ""))


_KINDS: dict[int, type[ApiRefused]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotThere,
    409: NotNow,
    412: Changed,
    422: NotValid,
    429: Busy,
}


def refusal(answer: httpx.Response) -> ApiRefused:
    """The refusal in an answer, whether it is a problem document or some proxy's page."""
    status, reason = answer.status_code, answer.reason_phrase
    try:
        document: object = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        return problem(status, cast(Document, document), reason)
    return problem(status, {"detail": f"{status} {reason} from {answer.url}"}, reason)


def problem(status: int, document: Document, reason: str) -> ApiRefused:
    """The refusal that a problem document tells of."""
    kind = _KINDS.get(status, Busy if status >= 500 else ApiRefused)
    errors = document.get("errors") or ()
    faults = [Fault(str(fault.get("place", "")), str(fault.get("reason", ""))) for fault in errors]
    title = str(document.get("title", reason))
    return kind(status, title, str(document.get("detail") or title), faults, document.get("legal_events"))


def silent(url: str, error: Exception) -> Unreachable:
    """What to raise when there was no answer."""
    return Unreachable(
        f"no answer from {url}: {str(error) or type(error).__name__}; "
        "is it running? (`orchestrator up` starts one, `orchestrator doctor` finds what is wrong)"
    )
