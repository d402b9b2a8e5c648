"""What time brings about for tasks that wait for people: claims that lapse, and defaults that are taken."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.paths import indices, to_bits
from orchestrator.domain.answer import Answer, Default
from orchestrator.domain.batch_job import RUNNING, JobState
from orchestrator.services.chains import read_plan
from orchestrator.services.claim import written
from orchestrator.services.hold import DEADLINE, HUB, hold_job, is_held
from orchestrator.services.manual import Manual, lock_jobs, read_manual, record_task, write_manual

MOST = 500
"""Tasks of one turn."""
AGAIN_S = 30.0
"""When a task is looked at again whose job is paused, held or being cancelled."""
LATE = "nobody has decided in time"

_DUE = text("select task_id, job_id from asks where look_at <= clock_timestamp() order by look_at limit :most")
_LATER = text("""
    update asks set look_at = clock_timestamp() + make_interval(secs => :seconds)
    where task_id = any(cast(:tasks as bigint[]))
""")
_NEVER = text("update asks set look_at = claim_until where task_id = any(cast(:tasks as bigint[]))")


class Lapsed(NamedTuple):
    """What time brought about."""

    tasks: int
    ended: list[int]
    """Jobs that have ended by it."""


class _Lapsing(NamedTuple):
    touched: list[Manual]
    later: list[int]
    held: list[int]


def lapse(tx: Connection) -> Lapsed:
    """Give back what was claimed for too long, and decide what nobody decided in time."""
    rows = tx.execute(_DUE, {"most": MOST}).all()
    if not rows:
        return Lapsed(0, [])
    states = lock_jobs(tx, {row.job_id for row in rows})
    goes_on = {job for job, state in states.items() if state in RUNNING and not is_held(tx, job)}
    plan = read_plan(tx, states)
    manuals = read_manual(tx, [row.task_id for row in rows], plan)
    done = _Lapsing([], [], [])
    for manual in manuals:
        _look(tx, manual, states[manual.task.job], done, goes_on=manual.task.job in goes_on)
    ended = written(tx, done.touched, plan)
    tx.execute(_LATER, {"tasks": done.later, "seconds": AGAIN_S})
    tx.execute(_NEVER, {"tasks": done.held})
    return Lapsed(len(done.touched), ended)


def _look(tx: Connection, manual: Manual, state: JobState, done: _Lapsing, *, goes_on: bool) -> None:
    task = manual.task
    if manual.due and goes_on and manual.default is Default.HOLD:
        done.held.append(task.id)
        if not is_held(tx, task.job):
            hold_job(tx, task.job, DEADLINE, f"{LATE}: task {task.id} ({task.action})")
    elif manual.due and goes_on and manual.default is not None:
        _take_default(tx, manual, manual.default)
        done.touched.append(manual)
    elif manual.claim_over and state is not JobState.DEQUEUING:
        record_task(tx, [(manual, "Lapsed", task.remaining.bit_count())], HUB, f"the claim of {manual.claimed_by}")
        manual.give_back()
        done.touched.append(manual)
    else:
        done.later.append(task.id)


def _take_default(tx: Connection, manual: Manual, default: Default) -> None:
    task = manual.task
    left = task.remaining
    if manual.claimed_by is None:
        manual.claim(HUB)
    if default is Default.ACCEPT:
        manual.accept(left, {})
    else:
        manual.reject(dict.fromkeys(indices(to_bits(left, task.batch_size), task.batch_size), LATE))
    record_task(tx, [(manual, Answer(default).told, left.bit_count())], HUB, LATE)


_CLAIMED = text("""
    select task_id from asks where job_id = :job and claimed_by is not null order by task_id limit :most
""")


def stop_claimed(tx: Connection, job: int) -> bool:
    """End what people have claimed of a job that is being cancelled, and whose row is locked; False: there is none."""
    tasks = tx.execute(_CLAIMED, {"job": job, "most": MOST}).scalars().all()
    if not tasks:
        return False
    plan = read_plan(tx, [job])
    manuals = read_manual(tx, tasks, plan)
    for manual in manuals:
        manual.give_back()
    record_task(tx, [(manual, "Stopped", None) for manual in manuals], HUB, "its job is being cancelled")
    write_manual(tx, manuals, plan)
    return True
