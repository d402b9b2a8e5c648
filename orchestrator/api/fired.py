"""Firing an event at a job, for the routes that do: one transaction, the answer, and the hub is woken."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import BackgroundTasks, Depends
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from orchestrator.api.bodies import RawBody
from orchestrator.api.idempotency import Maker
from orchestrator.api.requires import AllParts, Parts, Who
from orchestrator.broker.connection import shared
from orchestrator.broker.permits import Permits
from orchestrator.broker.wake import wake
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.task_group import StatusAsked
from orchestrator.contracts.views import Job
from orchestrator.domain.kinds import Kind
from orchestrator.domain.task_group import TaskStatusEvent
from orchestrator.errors import Invalid
from orchestrator.services.actions import ACTIONS
from orchestrator.services.control import Revoke
from orchestrator.services.fire import fire
from orchestrator.services.task_job_events import BY_STATUS
from orchestrator.storage.queries.jobs import read_job

T = TypeVar("T")
_REFUSAL = "this can not be asked for like that"


class Firer:
    """Fires what a request asks for, as its caller, with its body."""

    def __init__(self, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks) -> None:
        self._parts, self._who, self._body, self._background = parts, who, body, background
        self._said: dict[str, Any] | None = None
        """What of the body the action is told; None: all of it."""
        self._wrong: Invalid | HTTPException | None = None
        """What is wrong with the body, to be said when it is read."""

    def at(self, job_id: int, event: str, *, kind: Kind | None = None) -> Job:
        """Fire the event at the job; the job as it then is."""
        return self.answering(job_id, event, lambda tx, _: read_job(tx, job_id, self._who.person), kind=kind)

    def answering(
        self,
        job_id: int,
        event: str,
        answer: Callable[[Connection, Any], T],
        *,
        kind: Kind | None = None,
        once: Maker | None = None,
    ) -> T:
        """Fire it; the answer is made of what the event's action returned, in the same transaction.

        With ``once`` it is fired once for an Idempotency-Key; what was fired before returns None.

        The body is read in there, after the job's state has been looked at: 409 comes before 422.
        """
        with self._parts.engine.begin() as tx:
            done: Any = None

            def act() -> int:
                nonlocal done
                done = fire(tx, job_id, event, self._who, self._read, ACTIONS, revoke_by(self._parts), kind=kind)
                return job_id

            if once is None:
                act()
            else:
                once.make(tx, act)
            told = answer(tx, done)
            failpoint("api.control.uncommitted")
        failpoint("api.control.committed")
        self._background.add_task(wake, self._parts.redis_url)
        return told

    def status(self, job_id: int) -> Job:
        """Give a task job the status that the body asks for; the job as it then is.

        A body that does not say which is refused only once it is known that the caller might ask at all.
        """
        try:
            said = self._body.model(StatusAsked, _REFUSAL)
        except (Invalid, HTTPException) as wrong:
            self._wrong = wrong
            return self.at(job_id, TaskStatusEvent.START, kind=Kind.TASK)
        self._said = said.model_dump(exclude={"status"})
        return self.at(job_id, BY_STATUS[said.status], kind=Kind.TASK)

    def _read(self, model: Any) -> Any:
        if self._wrong is not None:
            raise self._wrong
        return self._body.model(model, _REFUSAL) if self._said is None else model(**self._said)


Fired = Annotated[Firer, Depends()]


def revoke_by(parts: Parts) -> Revoke | None:
    """What takes back from the sites; None where the API was given no broker."""
    return None if parts.redis_url is None else Permits(shared(parts.redis_url)).revoke
