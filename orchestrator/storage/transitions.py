"""The only writer of states. Every write is guarded: by the attempt and by what it expects to find.

Whoever calls has the job's row locked and has asked the machine; what does not land then is a defect, and raises
(GuardFailed).
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, text

from orchestrator.domain.batch_job import BATCH_JOB, JobEvent, JobState
from orchestrator.domain.chain import STEP_BITS, STEP_MASK
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.domain.machine import Machine
from orchestrator.domain.task import TASK, TaskState
from orchestrator.storage.arrays import array
from orchestrator.storage.history import record
from orchestrator.storage.together import write

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class TaskChange(NamedTuple):
    """What one task becomes, and what became of its paths."""

    task: int
    attempt: int
    """The one it must still be at."""
    before: TaskState
    after: TaskState
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    aborted: int = 0
    error: str | None = None
    """JSON."""
    worker: str | None = None
    started: bool = False
    """Its start is recorded with this change."""
    seconds: float = 0.0
    """How long it ran, when start and end are recorded together."""
    tries: int = 0
    crashes: int = 0
    settled: bytes | None = None
    """Of a task that goes on: which paths have their final outcome, among which a process died, which have passed."""
    suspects: bytes | None = None
    passed: bytes | None = None


_CHANGE = text("""
    update tasks set
      state = u.after,
      processed = u.processed, skipped = u.skipped, failed = u.failed, aborted = u.aborted,
      error = u.error, worker = coalesce(u.worker, tasks.worker),
      tries = u.tries, crashes = u.crashes,
      settled_bits = u.settled, suspect_bits = u.suspects, passed_bits = u.passed,
      started_at = case when u.started then now() - make_interval(secs => u.seconds) else tasks.started_at end,
      ended_at = case when u.ended then now() end
    from unnest(
      cast(:task as bigint[]), cast(:attempt as int[]), cast(:before as task_state[]), cast(:after as task_state[]),
      cast(:processed as int[]), cast(:skipped as int[]), cast(:failed as int[]), cast(:aborted as int[]),
      cast(:error as jsonb[]), cast(:worker as text[]), cast(:started as bool[]), cast(:seconds as float8[]),
      cast(:tries as int[]), cast(:crashes as int[]),
      cast(:settled as bytea[]), cast(:suspects as bytea[]), cast(:passed as bytea[]), cast(:ended as bool[])
    ) as u(
      task, attempt, before, after, processed, skipped, failed, aborted, error, worker, started, seconds,
      tries, crashes, settled, suspects, passed, ended
    )
    where tasks.id = u.task and tasks.attempt = u.attempt and tasks.state = u.before
""")


def change_tasks(tx: Connection, changes: Sequence[TaskChange]) -> None:
    """Write what was decided; all of it lands or the transaction fails."""
    if not changes:
        return
    ends = [change.after in TASK.terminal for change in changes]
    write(tx, _CHANGE, _columns(changes) | {"ended": ends}, len(changes), "task changes")


class EndedWell(NamedTuple):
    """A task that is a success, all its paths processed at one go."""

    task: int
    attempt: int
    """The one it must still be at."""
    worker: str
    seconds: float
    """How long it ran."""


_END_WELL = text("""
    update tasks set
      state = 'Success', processed = tasks.given, worker = (cast(:workers as text[]))[u.worker], ended_at = now(),
      started_at = case when tasks.state = 'Pending' then now() - make_interval(secs => u.seconds)
        else tasks.started_at end
    from unnest(
      cast(:task as bigint[]), cast(:attempt as int[]), cast(:worker as int[]), cast(:seconds as float8[])
    ) as u(task, attempt, worker, seconds)
    where tasks.id = u.task and tasks.attempt = u.attempt and tasks.state in ('Pending', 'Started')
""")

_HAND_ON = text("""
    update tasks next set given = tasks.given, given_bits = tasks.given_bits from tasks
    where tasks.id = any(cast(:tasks as bigint[])) and next.id = tasks.id + 1
      and next.state = 'Pending' and next.attempt = 0
""")


def end_well(tx: Connection, ended: Sequence[EndedWell], handed_on: Sequence[int]) -> None:
    """Write successes; those that are ``handed_on`` give all that they were given to the next task of their chain."""
    if handed_on:
        write(tx, _HAND_ON, {"tasks": array(handed_on)}, len(handed_on), "tasks that were to be given their paths")
    if ended:
        task, attempt, worker, seconds = zip(*ended, strict=True)
        places = {name: place for place, name in enumerate(sorted(set(worker)), 1)}
        values = {
            "task": array(task),
            "attempt": array(attempt),
            "worker": array(places[name] for name in worker),
            "workers": list(places),
            "seconds": array(seconds),
        }
        write(tx, _END_WELL, values, len(ended), "ends")


_ADVANCE = text("""
    update tasks set given = u.given, given_bits = u.bits
    from unnest(cast(:task as bigint[]), cast(:given as int[]), cast(:bits as bytea[])) as u(task, given, bits)
    where tasks.id = u.task and tasks.state = 'Pending' and tasks.attempt = 0
""")


def give(tx: Connection, rows: Sequence[tuple[int, int, bytes | None]]) -> None:
    """Give tasks that wait for the step before them their paths: (task, how many, which as bits or None for all)."""
    if not rows:
        return
    values = {name: [row[place] for row in rows] for place, name in enumerate(("task", "given", "bits"))}
    write(tx, _ADVANCE, values, len(rows), "tasks that were to be given their paths")


_END_WAITING = text("""
    with ended as (
      update tasks set state = cast(:end as task_state), suspect_bits = null, ended_at = now()
      where job_id = :job and id > :after and id <= :last and state = 'Pending' and settled_bits is null
        and id >> :bits <> all(cast(:but as bigint[]))
      returning rule, id & :mask as step, given
    )
    select rule, step, count(*) as tasks, sum(given)::bigint as given from ended group by rule, step
""")


class Ended(NamedTuple):
    """Tasks of one step that have ended together."""

    rule: int
    step: int
    tasks: int
    given: int
    """Paths, all of them."""


def end_waiting(tx: Connection, job: int, after: int, last: int, end: TaskState, but: Collection[int]) -> list[Ended]:
    """End what waits of a job among these tasks, ``after`` left out, with no outcome of any path.

    Nothing of the batches ``but`` is touched, nor what has an outcome of some paths.
    """
    values = {"job": job, "after": after, "last": last, "end": end, "but": list(but)}
    rows = tx.execute(_END_WAITING, values | {"bits": STEP_BITS, "mask": STEP_MASK})
    return [Ended(row.rule, row.step, row.tasks, row.given) for row in rows]


_MOVE_JOB = text("""
    update jobs set
      state = cast(:after as job_state),
      reason = coalesce(:reason, reason),
      started_at = case when :started then coalesce(started_at, now()) else started_at end,
      ended_at = case when :ended then coalesce(ended_at, now()) end
    where id = :job and state = cast(:before as job_state)
    returning pg_notify('job_moved', cast(id as text))
""")
"""Who listens for that is told with the commit (api/moves.py)."""


def move_job(
    tx: Connection, job: int, before: JobState, event: JobEvent, *, actor: str = "hub", reason: str | None = None
) -> JobState:
    """Fire an event at a batch job whose row is locked, and write its history; IllegalTransition without an edge."""
    began = event is JobEvent.TASK_STARTED
    return move(tx, BATCH_JOB, job, before, event, actor=actor, reason=reason, began=began)


def move(
    tx: Connection,
    machine: Machine[S, E],
    job: int,
    before: S,
    event: E,
    *,
    actor: str,
    reason: str | None = None,
    comment: str | None = None,
    began: bool = False,
) -> S:
    """Fire an event at a job of any kind, as ``move_job`` does; ``began``: work on it begins with that."""
    after = machine.fire(before, event)
    values = {
        "job": job,
        "before": before,
        "after": after,
        "reason": reason,
        "started": began,
        "ended": after in machine.ends,
    }
    write(tx, _MOVE_JOB, values, 1, f"moves of job {job} from {before}")
    record(tx, job, event, actor=actor, before=before, after=after, reason=reason, comment=comment)
    return after


class WalkChange(NamedTuple):
    """What one walk becomes."""

    job: int
    subtree: int
    attempt: int
    before: DiscoveryState
    after: DiscoveryState
    sequence: int
    cursor: bytes | None
    worker: str | None
    reason: str | None


_CHANGE_WALKS = text("""
    update walks set
      state = u.after, sequence = u.sequence, cursor = u.cursor, worker = u.worker, reason = u.reason,
      heard_at = now(), ended_at = case when u.ended then now() end,
      handed_at = case when u.after = 'Running' then walks.handed_at end,
      begun_at = case when u.before = 'Waiting' then clock_timestamp() else walks.begun_at end
    from unnest(
      cast(:job as bigint[]), cast(:subtree as int[]), cast(:attempt as int[]),
      cast(:before as discovery_state[]), cast(:after as discovery_state[]),
      cast(:sequence as bigint[]), cast(:cursor as bytea[]), cast(:worker as text[]), cast(:reason as text[]),
      cast(:ended as bool[])
    ) as u(job, subtree, attempt, before, after, sequence, cursor, worker, reason, ended)
    where walks.job_id = u.job and walks.subtree = u.subtree and walks.attempt = u.attempt and walks.state = u.before
""")


def change_walks(tx: Connection, changes: Sequence[WalkChange]) -> None:
    """Write what was decided about walks; all of it lands or the transaction fails."""
    if not changes:
        return
    ends = [change.after in DISCOVERY.terminal for change in changes]
    write(tx, _CHANGE_WALKS, _columns(changes) | {"ended": ends}, len(changes), "walk changes")


def _columns(changes: Sequence[TaskChange] | Sequence[WalkChange]) -> dict[str, object]:
    """The fields of the changes, each as one array."""
    return {name: [getattr(change, name) for change in changes] for name in changes[0]._fields}
