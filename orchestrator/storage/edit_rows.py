"""The only writer of what edit jobs have beside a job's own columns: each change goes by the machine of its kind.

Whoever calls has the job's row locked, and those of all that it is a part of.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from orchestrator.domain.edit_job import EditEvent, EditState
from orchestrator.domain.edit_steps import Stage
from orchestrator.domain.kinds import MACHINES, Kind
from orchestrator.storage.history import record
from orchestrator.storage.tables import edit_jobs, jobs
from orchestrator.storage.transitions import move

_ITS_OWN = frozenset(edit_jobs.c.keys())
_NOW = func.clock_timestamp()
NO_CLAIM: Mapping[str, Any] = {"claimed_by": None, "started_at": None, "discard": True, "approved": False}
"""What is so once nobody has a job any more: it begins anew, with what is extracted then."""


def read_edit(tx: Connection, job: int) -> Row[Any]:
    """An edit job, or one that another waits for, with what it has beside a job's own columns."""
    own = [column for column in edit_jobs.c if column.name != "job_id"]
    query = select(jobs, *own).join(edit_jobs, edit_jobs.c.job_id == jobs.c.id).where(jobs.c.id == job)
    return tx.execute(query).one()


def add_edit(
    tx: Connection, job: int, event: EditEvent, state: EditState, actor: str, values: Mapping[str, Any]
) -> None:
    """Write what a new job has beside its row, and the begin of its history."""
    tx.execute(insert(edit_jobs).values(job_id=job, **values))
    record(tx, job, event, actor=actor, after=state)


def change(
    tx: Connection,
    job: Row[Any],
    event: EditEvent,
    actor: str,
    *,
    stage: Stage | None = None,
    waits: bool = False,
    reason: str | None = None,
    comment: str | None = None,
    **values: Any,
) -> EditState:
    """Fire an event at it; what it then is. IllegalTransition when there is no edge.

    With a ``stage`` the system goes on with it, unless it ``waits`` for somebody to say so. The step that it was at is
    no longer its own. ``values`` are other columns, of either table.
    """
    machine = MACHINES[Kind(job.kind)]
    began = event is EditEvent.ACTIVATE
    after = move(
        tx, machine, job.id, machine.state(job.state), event, actor=actor, reason=reason, comment=comment, began=began
    )
    goes_on = (stage is not None and not waits) or values.get("discard")
    set_edit(tx, job.id, stage=stage, step_job_id=None, tries=0, go_on_at=_NOW if goes_on else None, **values)
    tx.execute(update(jobs).where(jobs.c.id == job.id).values(reason=reason))
    return after


def set_edit(tx: Connection, job: int, **values: Any) -> None:
    """Write columns of either table, but no state."""
    own = {name: value for name, value in values.items() if name in _ITS_OWN}
    rest = {name: value for name, value in values.items() if name not in _ITS_OWN}
    if own:
        tx.execute(update(edit_jobs).where(edit_jobs.c.job_id == job).values(own))
    if rest:
        tx.execute(update(jobs).where(jobs.c.id == job).values(rest))


def begin_stage(tx: Connection, job: int, stage: Stage, tries: int = 0, in_s: float = 0.0) -> None:
    """Let the system be at this stage, from then on, in the state that the job is in."""
    set_edit(tx, job, stage=stage, step_job_id=None, tries=tries, go_on_at=_NOW + timedelta(seconds=in_s))


def put_off(tx: Connection, job: int, seconds: float) -> None:
    """There is something to do with it, and not now."""
    set_edit(tx, job, go_on_at=_NOW + timedelta(seconds=seconds))


def children(tx: Connection, parent: int) -> Sequence[Row[Any]]:
    """The jobs that an edit job waits for, or has waited for, locked."""
    ids = tx.execute(_CHILDREN, {"parent": parent}).scalars().all()
    return [read_edit(tx, id) for id in ids]


_CHILDREN = text("""
    select id from jobs where parent_id = :parent and kind in ('correction', 'review', 'conflict')
    order by id for update
""")
