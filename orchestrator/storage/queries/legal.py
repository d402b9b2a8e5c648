"""Which events somebody may fire at a job: by its machine, by who they are to it, and by what stands against it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from orchestrator.domain import edit_job
from orchestrator.domain.kinds import EDITS, MACHINES, Kind
from orchestrator.domain.people import DESPITE_HOLDS, Assigned, Person, Relation, Who
from orchestrator.domain.roles import Role
from orchestrator.domain.task_group import ruled_out

_AT_WORK = text("""
    select t.group_id, c.claimed_by from group_tasks t join jobs c on c.id = t.job_id
    where t.group_id in :ids and t.status = 5 and c.claimed_by is not null
""").bindparams(bindparam("ids", expanding=True))

_RUNS = text("""
    select job_id, run is not null as automatic, run_id is not null as running from group_tasks where job_id in :ids
""").bindparams(bindparam("ids", expanding=True))

_EDITS = text("select job_id, mode, merged from edit_jobs where job_id in :ids").bindparams(
    bindparam("ids", expanding=True)
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be known of some jobs, beside their own rows, to say which events are possible."""

    at_work: Mapping[int, str]
    """Group job -> who is at one of its tasks."""
    out_of_question: Mapping[int, Collection[str]]
    """Task job or edit job -> the events that its nature rules out."""


def read_facts(tx: Connection, jobs: Sequence[Row[Any]]) -> Facts:
    """The facts of these rows of ``jobs``; nothing is asked for the kinds that need none."""
    groups = [job.id for job in jobs if job.kind == Kind.GROUP]
    tasks = [job.id for job in jobs if job.kind == Kind.TASK]
    at_work = tx.execute(_AT_WORK, {"ids": groups}).all() if groups else ()
    runs = tx.execute(_RUNS, {"ids": tasks}).all() if tasks else ()
    edits = [job.id for job in jobs if job.kind == Kind.EDIT]
    out: dict[int, Collection[str]] = {
        row.job_id: ruled_out(automatic=row.automatic, running=row.running) for row in runs
    }
    for row in tx.execute(_EDITS, {"ids": edits}) if edits else ():
        out[row.job_id] = edit_job.ruled_out(row.mode, merged=row.merged)
    return Facts({row.group_id: row.claimed_by for row in at_work}, out)


def asking(person: Person, job: Row[Any], facts: Facts) -> frozenset[Who]:
    """All that somebody is to a job.

    Of an edit job that is one person's, its group is only where another may be found. A review that is nobody's is for
    all who review.
    """
    group = None if job.kind in EDITS and job.assignee is not None else job.assigned_group
    who = person.asking(Assigned(job.assignee, group, job.claimed_by))
    if job.kind == Kind.REVIEW and Role.REVIEWER in person.roles and job.assignee is None and group is None:
        who |= {Relation.CANDIDATE, *([Relation.HOLDER] if job.claimed_by in (None, person.name) else [])}
    return who | {Relation.AT_WORK} if facts.at_work.get(job.id) == person.name else who


def legal_events(person: Person | None, job: Row[Any], facts: Facts, *, held: bool) -> list[str]:
    """The events that they may fire at a job now, in the order of its machine; None: all that somebody might."""
    machine = MACHINES[Kind(job.kind)]
    state = machine.state(job.state)
    possible = machine.legal(state) if person is None else machine.open_to(asking(person, job, facts), state)
    against = facts.out_of_question.get(job.id, ())
    return [str(event) for event in possible if event not in against and (not held or event in DESPITE_HOLDS)]
