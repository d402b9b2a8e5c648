"""Changing what is known of a job: its name, priority, dates, place, attributes, and whose it is."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, text, update

from orchestrator.contracts.change import JobChange
from orchestrator.domain.kinds import EDITS, ENDS, Kind
from orchestrator.domain.task_group import TaskStatus
from orchestrator.errors import Conflict, Fault, Forbidden, Invalid
from orchestrator.services.attributes import attribute_faults, schema_of
from orchestrator.services.depend import depend_instead, lock_dependents
from orchestrator.services.edit_rules import edit_faults, refuse_late
from orchestrator.services.fire import locked
from orchestrator.services.keys import Caller
from orchestrator.services.throttle import otherwise
from orchestrator.services.users import ensure_groups, known_users
from orchestrator.storage.audit import audit
from orchestrator.storage.history import record
from orchestrator.storage.tables import edit_jobs, jobs

_REFUSAL = "the job can not be changed like that"
_COLUMNS = {"group": "assigned_group"}
_OWN = ("name", "priority", "due_at", "extent", "attributes", "assignee", "group")
_TOLD = (*_OWN, "planned_start", "depends_on", "max_running")


def change(tx: Connection, job_id: int, who: Caller, read: Callable[[], JobChange]) -> None:
    """Change a job; answers come in the order 403, 404, 409, 422."""
    asked = _read(read)
    if isinstance(asked, JobChange) and "depends_on" in asked.model_fields_set:
        lock_dependents(tx, job_id, asked.depends_on)
    job = locked(tx, job_id)
    who.must_reach(job.site, job.workflow)
    if job.kind in EDITS and not who.person.leads:
        raise Forbidden(f"{who.user} is no planner: edit jobs are planned by them")
    if job.state in ENDS:
        raise Conflict(f"job {job_id} has ended: {job.state}", legal=())
    if isinstance(asked, Invalid):
        raise asked
    _refuse(tx, job, asked, who)
    if faults := list(_faults(tx, job, asked)):
        raise Invalid(_REFUSAL, faults)
    _whose(tx, asked)
    _write(tx, job, asked)
    told = ", ".join(f"{name}{_show(asked, name)}" for name in _TOLD if name in asked.model_fields_set)
    record(tx, job_id, "Edited", actor=who.user, reason=told, comment=asked.comment)
    audit(tx, who.user, "job.Edited", f"job {job_id}", told)


def _write(tx: Connection, job: Row[Any], asked: JobChange) -> None:
    said = asked.model_fields_set
    values = {_COLUMNS.get(name, name): getattr(asked, name) for name in _OWN if name in said}
    if "max_running" in said:
        values["max_running"] = otherwise(job.max_running, {"job": asked.max_running})
    if values:
        tx.execute(update(jobs).where(jobs.c.id == job.id).values(values))
        if job.kind == Kind.TASK:
            tx.execute(_ROW, {"job": job.id})
    if "planned_start" in said:
        tx.execute(update(edit_jobs).where(edit_jobs.c.job_id == job.id).values(planned_start=asked.planned_start))
    if "depends_on" in said:
        depend_instead(tx, job.id, asked.depends_on)


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


def _refuse(tx: Connection, job: Row[Any], asked: JobChange, who: Caller) -> None:
    """Conflict for what this is the wrong moment for."""
    if job.kind in EDITS:
        refuse_late(tx, job, asked.model_fields_set, who.person)
    elif asked.model_fields_set & {"assignee", "group"} and job.kind == Kind.TASK and job.state == TaskStatus.WORKING:
        raise Conflict(f"{job.claimed_by or 'somebody'} is working on job {job.id}: it has to be given up first")


def _faults(tx: Connection, job: Row[Any], asked: JobChange) -> Iterator[Fault]:
    said = asked.model_fields_set
    if job.kind in EDITS:
        yield from edit_faults(tx, job, asked)
    for name in ("assignee", "group"):
        if name in said and job.kind not in {Kind.TASK, *EDITS}:
            yield Fault(f"$.{name}", f"a job of kind {job.kind} is assigned to nobody: tasks and edit jobs are")
    if "planned_start" in said and job.kind not in EDITS:
        yield Fault("$.planned_start", f"is of edit jobs, and not of a job of kind {job.kind}")
    if "max_running" in said and job.kind != Kind.BATCH:
        yield Fault("$.max_running", f"is of batch jobs, and not of a job of kind {job.kind}")
    if "attributes" in said:
        yield from attribute_faults(schema_of(tx, job.id, job.kind), asked.attributes, "$.attributes")


def _whose(tx: Connection, asked: JobChange) -> None:
    if asked.assignee is not None:
        known_users(tx, {"$.assignee": asked.assignee}, _REFUSAL)
    if asked.group is not None:
        ensure_groups(tx, [asked.group])


def _show(asked: JobChange, name: str) -> str:
    """The new value, where it is short."""
    if name in ("extent", "attributes"):
        return ""
    if name == "depends_on":
        return " " + (", ".join(f"job {one.job}" for one in asked.depends_on) or "nothing")
    value = getattr(asked, name)
    return f" {value.isoformat() if hasattr(value, 'isoformat') else value}"
