"""Changing what is known of a job: its name, priority, due date, place, attributes, and whose it is."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, text, update

from orchestrator.contracts.change import JobChange
from orchestrator.domain.kinds import ENDS, MACHINES, Kind
from orchestrator.domain.task_group import TaskStatus
from orchestrator.errors import Conflict, Fault, IllegalTransition, Invalid
from orchestrator.services.attributes import attribute_faults, schema_of
from orchestrator.services.depend import depend_instead, lock_dependents
from orchestrator.services.fire import locked
from orchestrator.services.keys import Caller
from orchestrator.services.users import ensure_groups, known_users
from orchestrator.storage.history import record
from orchestrator.storage.tables import jobs

_REFUSAL = "the job can not be changed like that"
_COLUMNS = {"group": "assigned_group"}
_OWN = ("name", "priority", "due_at", "extent", "attributes", "assignee", "group")


def change(tx: Connection, job_id: int, who: Caller, read: Callable[[], JobChange]) -> None:
    """Change a job; answers come in the order 403, 404, 409, 422."""
    asked = _read(read)
    if isinstance(asked, JobChange) and "depends_on" in asked.model_fields_set:
        lock_dependents(tx, job_id, asked.depends_on)
    job = locked(tx, job_id)
    who.must_reach(job.site)
    if job.state in ENDS:
        raise Conflict(f"job {job_id} has ended: {job.state}", legal=())
    if isinstance(asked, Invalid):
        raise asked
    said = asked.model_fields_set
    if said & {"assignee", "group"} and job.kind == Kind.TASK and job.state == TaskStatus.WORKING:
        raise Conflict(f"{job.claimed_by or 'somebody'} is working on job {job_id}: it has to be given up first")
    if faults := list(_faults(tx, job, asked)):
        raise Invalid(_REFUSAL, faults)
    _whose(tx, asked)
    values = {_COLUMNS.get(name, name): getattr(asked, name) for name in _OWN if name in said}
    if values:
        tx.execute(update(jobs).where(jobs.c.id == job_id).values(values))
        if job.kind == Kind.TASK:
            tx.execute(_ROW, {"job": job_id})
    if "depends_on" in said:
        depend_instead(tx, job_id, asked.depends_on)
    told = ", ".join(f"{name}{_told(asked, name)}" for name in (*_OWN, "depends_on") if name in said)
    record(tx, job_id, "Edited", actor=who.user, reason=told, comment=asked.comment)


def refuse_to_delete(tx: Connection, job_id: int, who: Caller) -> None:
    """Only what nobody has begun with can be deleted, and no kind of job that there is can be so; NotFound."""
    job = locked(tx, job_id)
    who.must_reach(job.site)
    machine = MACHINES[Kind(job.kind)]
    raise IllegalTransition(machine.name, job.state, "Deleted", machine.legal(machine.state(job.state)))


_ROW = text("""
    update group_tasks g set assignee = j.assignee, assigned_group = j.assigned_group
    from jobs j where j.id = :job and g.job_id = j.id
""")


def _read(read: Callable[[], JobChange]) -> JobChange | Invalid:
    """What is asked; or what is wrong with it, which is told after what else stands against it."""
    try:
        return read()
    except Invalid as wrong:
        return wrong


def _faults(tx: Connection, job: Row[Any], asked: JobChange) -> Iterator[Fault]:
    said = asked.model_fields_set
    for name in ("assignee", "group"):
        if name in said and job.kind != Kind.TASK:
            yield Fault(f"$.{name}", f"a job of kind {job.kind} is assigned to nobody: only a task is")
    if "attributes" in said:
        yield from attribute_faults(schema_of(tx, job.id, job.kind), asked.attributes, "$.attributes")


def _whose(tx: Connection, asked: JobChange) -> None:
    if asked.assignee is not None:
        known_users(tx, {"$.assignee": asked.assignee}, _REFUSAL)
    if asked.group is not None:
        ensure_groups(tx, [asked.group])


def _told(asked: JobChange, name: str) -> str:
    """The new value, where it is short."""
    if name in ("extent", "attributes"):
        return ""
    if name == "depends_on":
        return " " + (", ".join(f"job {one.job}" for one in asked.depends_on) or "nothing")
    value = getattr(asked, name)
    return f" {value.isoformat() if hasattr(value, 'isoformat') else value}"
