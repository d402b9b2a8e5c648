"""What of an edit job may be changed, in which state."""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy import true as sql_true

from orchestrator.contracts.change import JobChange
from orchestrator.domain.edit_job import ANYTIME, EditState
from orchestrator.domain.people import Person
from orchestrator.errors import Conflict, Fault
from orchestrator.storage.queries.legal import legal_events, read_facts
from orchestrator.storage.tables import group_members


def refuse_late(tx: Connection, job: Row[Any], said: Collection[str], person: Person) -> None:
    """Conflict for what can not be changed any more: almost all once it is allocated."""
    if job.state == EditState.PROPOSED:
        return
    late = set(said) - ANYTIME - {"assignee", "depends_on"}
    if "assignee" in said and (job.assigned_group is None or job.claimed_by is not None):
        late.add("assignee")
    if late:
        legal = legal_events(person, job, read_facts(tx, [job]), held=False)
        what = ", ".join(sorted(late))
        why = f"{job.claimed_by} has it" if job.claimed_by is not None else "it is Proposed no more"
        raise Conflict(f"job {job.id} is {job.state}: {what} can not be changed, since {why}", legal=legal)


def edit_faults(tx: Connection, job: Row[Any], asked: JobChange) -> Iterator[Fault]:
    """What is wrong with a change that could be made now."""
    said = asked.model_fields_set
    if "name" in said and asked.name is None:
        yield Fault("$.name", "an edit job has a name")
    assignee = asked.assignee if "assignee" in said else job.assignee
    group = asked.group if "group" in said else job.assigned_group
    if said & {"assignee", "group"} and assignee is not None and group is not None and not _is_in(tx, assignee, group):
        yield Fault("$.assignee", f"{assignee} is not in the group {group}, which the job is of")


def _is_in(tx: Connection, user: str, group: str) -> bool:
    c = group_members.c
    return tx.scalar(select(sql_true()).where(c.user_name == user, c.group_name == group)) is not None
