"""Putting tasks of manual steps before people: rows that worklists are read from, and that claims are noted in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from orchestrator.storage.together import write


class Ask(NamedTuple):
    """Who is asked about the tasks of a step, and what happens when nobody decides."""

    group: str
    """Empty: every worker."""
    claim_s: float
    """How long a claim lasts."""
    deadline_s: float | None
    default: str | None


class Asked(NamedTuple):
    """A task whose turn has come."""

    task: int
    job: int
    rule: int
    ask: Ask


def ask_of(group: str, manual: Mapping[str, Any]) -> Ask:
    """What the plan of a job says of a manual step."""
    return Ask(group, manual["claim_s"], manual.get("deadline_s"), manual.get("default"))


def ask(tx: Connection, tasks: Sequence[Asked]) -> None:
    """Put them before people; one that was there, and was claimed, is free again, and waits as long as it did."""
    if tasks:
        values = {
            "task": [one.task for one in tasks],
            "job": [one.job for one in tasks],
            "rule": [one.rule for one in tasks],
            "group": [one.ask.group for one in tasks],
            "deadline": [one.ask.deadline_s for one in tasks],
        }
        write(tx, _ASK, values)


_ASK = text("""
    insert into asks (task_id, job_id, rule, group_name, due_at, look_at)
    select u.task, u.job, u.rule, u.people, due.at, due.at
    from unnest(
      cast(:task as bigint[]), cast(:job as bigint[]), cast(:rule as int[]), cast(:group as text[]),
      cast(:deadline as float8[])
    ) as u(task, job, rule, people, deadline)
    cross join lateral (select clock_timestamp() + make_interval(secs => u.deadline) as at) due
    on conflict (task_id) do update set claimed_by = null, claimed_at = null, claim_until = null, look_at = asks.due_at
""")


def answered(tx: Connection, tasks: Sequence[int]) -> None:
    """These have ended: nobody is asked any more."""
    if tasks:
        write(tx, _ANSWERED, {"tasks": list(tasks)})


_ANSWERED = text("delete from asks where task_id = any(cast(:tasks as bigint[]))")
