"""People take tasks of manual steps and give them back: one has it at a time, under an attempt of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from orchestrator.contracts.answer import Said
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task import TASK, TaskState
from orchestrator.errors import Conflict, Forbidden, IllegalTransition
from orchestrator.services.chains import Plan, read_plan
from orchestrator.services.keys import Caller
from orchestrator.services.manual import (
    Manual,
    found,
    jobs_begun,
    lock_jobs,
    must_run,
    must_wait,
    read_manual,
    record_task,
    write_manual,
)
from orchestrator.services.settle import settle

CLAIM, GIVE_BACK = "claim", "give-back"


def must_be_asked(who: Caller, group: str) -> None:
    """Raise Forbidden unless this is one of those who are asked."""
    if group and group not in who.groups and not who.person.leads:
        raise Forbidden(f"{who.user} is not in the group {group}, which does this step")


def taken_up(tx: Connection, task: int, who: Caller, event: str) -> tuple[Row[Any], Manual, Plan]:
    """The task, its job's row locked, when this person may fire this event at it now."""
    row = found(tx, task)
    who.must_reach(row.site, row.workflow)
    must_wait(row, event)
    must_be_asked(who, row.group)
    state = lock_jobs(tx, [row.job_id]).get(row.job_id, JobState.CANCELLED)
    must_run(tx, row.job_id, state, event)
    plan = read_plan(tx, [row.job_id])
    manual = next(iter(read_manual(tx, [task], plan)), None)
    if manual is None:
        now = TaskState(found(tx, task).state)
        if now in TASK.terminal:
            raise IllegalTransition(TASK.name, now, event, ())
        raise Conflict("the step before it has not ended yet")
    return row, manual, plan


def written(tx: Connection, touched: Sequence[Manual], plan: Plan) -> list[int]:
    """Write what was done with them, and move their jobs on; those that have ended by it."""
    write_manual(tx, touched, plan)
    return settle(tx, {manual.task.job for manual in touched}, jobs_begun(touched))


def claim(tx: Connection, task: int, who: Caller, read: Callable[[], Said] = Said) -> None:
    """Take a task; again makes the claim last longer. Conflict while somebody else has it."""
    _, manual, plan = taken_up(tx, task, who, CLAIM)
    if manual.claimed_by is not None:
        if manual.claimed_by != who.user:
            raise IllegalTransition(TASK.name, f"{manual.task.state} by {manual.claimed_by}", CLAIM, ())
        read()
        manual.task.started = True  # noted anew
    else:
        comment = read().comment
        manual.claim(who.user)
        record_task(tx, [(manual, "Claimed", None)], who.user, comment)
    written(tx, [manual], plan)


def must_have(manual: Manual, who: Caller, attempt: int | None, event: str, *, or_lead: bool = False) -> None:
    """Raise unless this person has the task (under this attempt): Forbidden, or what the moment does not allow."""
    if manual.claimed_by is None:
        raise IllegalTransition(TASK.name, manual.task.state, event, (CLAIM,))
    if manual.claimed_by != who.user and not (or_lead and who.person.leads):
        raise Forbidden(f"task {manual.task.id} is claimed by {manual.claimed_by}")
    if attempt is not None and attempt != manual.task.attempt:
        raise Conflict(f"attempt {manual.task.attempt} is the present one, not {attempt}")


def give_back(tx: Connection, task: int, who: Caller, read: Callable[[], Said] = Said) -> None:
    """Let others have it; what has been decided of its paths stays so."""
    _, manual, plan = taken_up(tx, task, who, GIVE_BACK)
    must_have(manual, who, None, GIVE_BACK, or_lead=True)
    said = read()
    must_have(manual, who, said.attempt, GIVE_BACK, or_lead=True)
    manual.give_back()
    record_task(tx, [(manual, "Returned", manual.task.remaining.bit_count())], who.user, said.comment)
    written(tx, [manual], plan)
