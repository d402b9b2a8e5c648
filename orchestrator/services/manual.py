"""Tasks that people do: read with all that is decided by, and written as the reports of sites are."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.names import PEOPLE
from orchestrator.contracts.paths import (
    Carry,
    PathList,
    bitmap,
    merge_carries,
    number,
    pack_carry,
    unpack,
    unpack_carry,
)
from orchestrator.contracts.report import Problem
from orchestrator.domain.answer import Default
from orchestrator.domain.batch_job import RUNNING, JobState
from orchestrator.domain.cascade import Tally, ending
from orchestrator.domain.chain import STEP_BITS, step_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.errors import Conflict, IllegalTransition, NotFound
from orchestrator.services.ask import answered
from orchestrator.services.chains import Plan
from orchestrator.services.collect import task_of, write_failures, write_tasks
from orchestrator.services.decide import Task
from orchestrator.services.failures import Failures
from orchestrator.services.hold import refuse_held
from orchestrator.storage.arrays import array
from orchestrator.storage.counters import Deltas

REJECTED = "Rejected"
"""The class of error of a path that a person rejects."""


@dataclass(kw_only=True)
class Manual:
    """A task that waits for people, as it is found and left."""

    task: Task
    group: str
    claimed_by: str | None
    claim_over: bool
    due: bool
    """Its deadline has passed."""
    default: Default | None
    packed: bytes
    carry: bytes | None
    """Names and notes that came with it."""

    @cached_property
    def paths(self) -> PathList:
        """Its batch's paths, under their present names."""
        paths = unpack(self.packed)
        for index, name in unpack_carry(self.carry).renamed.items():
            paths.paths[index] = name
        return paths

    def claim(self, who: str) -> None:
        """It is this person's, under a new attempt."""
        self.task.attempt += 1
        self.task.fire(TaskEvent.CLAIMED)
        self.task.started, self.task.worker, self.claimed_by = True, who, who

    def give_back(self) -> None:
        """It waits for the others again, with what has been decided; or ends, where its job is being cancelled."""
        self.task.back(TaskEvent.RETURNED)
        self.claimed_by = None

    def accept(self, paths: int, comments: dict[int, str]) -> None:
        """These (a bit a path) go on; comments travel with them, as notes of the step."""
        task = self.task
        task.passed |= paths
        task.settle(paths, Tally(processed=paths.bit_count()))
        notes = pack_carry(Carry(notes={index: {task.action: comment} for index, comment in comments.items()}))
        if self.carry and notes:
            task.carry = merge_carries(self.carry, notes)
        else:
            task.carry = notes or self.carry
        self._end()

    def reject(self, comments: dict[int, str]) -> None:
        """These stop here, each for its reason."""
        n = self.task.batch_size
        self.task.problems += (
            Problem(index, "failed", self.paths.paths[index], comment, REJECTED)
            for index, comment in sorted(comments.items())
        )
        self.task.settle(number(bitmap(comments, n), n), Tally(failed=len(comments)))
        self._end()

    def _end(self) -> None:
        if not self.task.remaining:
            self.task.fire(ending(self.task.tally))


_JOB_OF = text("""
    select t.job_id, j.site, j.workflow, s.function, s.queue as group, t.state, a.claimed_by
    from tasks t join jobs j on j.id = t.job_id and j.pruned_at is null
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    left join asks a on a.task_id = t.id
    where t.id = :task
""")


def found(tx: Connection, task: int) -> Row[Any]:
    """A task of a manual step, not locked: its job, group, state and claimant. NotFound when there is none."""
    row = tx.execute(_JOB_OF, {"task": task, "mask": (1 << STEP_BITS) - 1}).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task}")
    return row


_LOCK = text("select id, state from jobs where id = any(cast(:jobs as bigint[])) order by id for update")


def lock_jobs(tx: Connection, jobs: Iterable[int]) -> dict[int, JobState]:
    """Lock the rows of these jobs; their states."""
    return {row.id: JobState(row.state) for row in tx.execute(_LOCK, {"jobs": sorted(set(jobs))})}


def must_run(tx: Connection, job: int, state: JobState, event: str) -> None:
    """Raise unless people may go on with the (locked) job: IllegalTransition, or Conflict where something holds it."""
    if state not in RUNNING:
        raise IllegalTransition("job", state, event, ())
    refuse_held(tx, job)


def must_wait(row: Row[Any], event: str) -> None:
    """Raise Conflict or IllegalTransition unless the task waits for people, or is with one."""
    if row.function != PEOPLE:
        raise Conflict("this task is done by a site, not by people")
    if row.state in TASK.terminal:
        raise IllegalTransition(TASK.name, row.state, event, ())


_READ = text("""
    select t.id, t.job_id, t.rule, t.attempt, t.state, t.given, t.given_bits, t.settled_bits, t.suspect_bits,
      t.passed_bits, t.processed, t.skipped, t.failed, t.aborted, t.tries, t.crashes, b.n, b.paths, c.carry,
      '' as site, '' as parcel, false as claimed, null as tried_bits, j.state as job_state,
      a.group_name, a.claimed_by, coalesce(a.claim_until <= clock_timestamp(), false) as claim_over,
      coalesce(a.due_at <= clock_timestamp(), false) as due
    from asks a join tasks t on t.id = a.task_id
    join batches b on b.id = t.id >> :bits
    join jobs j on j.id = t.job_id
    left join carries c on c.task_id = t.id
    where a.task_id = any(cast(:tasks as bigint[])) order by t.id
""")


def read_manual(tx: Connection, tasks: Collection[int], plan: Plan) -> list[Manual]:
    """Those of these tasks that wait for people or are with one; the rows of their jobs are locked."""
    rows = tx.execute(_READ, {"tasks": array(tasks), "bits": STEP_BITS})
    return [_manual(row, plan) for row in rows]


def _manual(row: Row[Any], plan: Plan) -> Manual:
    link = plan[row.job_id, row.rule][step_of(row.id)]
    default = link.people.default if link.people is not None else None
    return Manual(
        task=task_of(row, plan),
        group=row.group_name,
        claimed_by=row.claimed_by,
        claim_over=row.claim_over,
        due=row.due,
        default=None if default is None else Default(default),
        packed=bytes(row.paths),
        carry=row.carry,
    )


_ATTEMPTS = text("""
    update tasks t set attempt = u.attempt, dispatched_at = now()
    from unnest(cast(:task as bigint[]), cast(:attempt as int[])) as u(task, attempt)
    where t.id = u.task and t.attempt <> u.attempt
""")
_CLAIM = text("""
    update asks a set claimed_by = u.who, claimed_at = clock_timestamp(), claim_until = u.until,
      look_at = least(a.due_at, u.until)
    from unnest(cast(:task as bigint[]), cast(:who as text[]), cast(:seconds as float8[])) as c(task, who, seconds)
    cross join lateral (
      select c.task, c.who, clock_timestamp() + make_interval(secs => c.seconds) as until
    ) u
    where a.task_id = u.task
""")


def write_manual(tx: Connection, touched: Sequence[Manual], plan: Plan) -> None:
    """Write what people, or time, made of them, and what follows but for the jobs' ends; the jobs' rows are locked."""
    tasks = [manual.task for manual in touched]
    if not tasks:
        return
    deltas, failures = Deltas(), Failures()
    tx.execute(_ATTEMPTS, {"task": array(task.id for task in tasks), "attempt": array(task.attempt for task in tasks)})
    write_tasks(tx, tasks, {}, plan, deltas)
    write_failures(tx, tasks, failures)
    failures.write(tx)
    deltas.write(tx)
    answered(tx, [task.id for task in tasks if task.state in TASK.terminal])
    claimed = [one for one in touched if one.task.started and one.task.state is TaskState.STARTED]
    if claimed:
        links = [plan[one.task.job, one.task.rule][one.task.step] for one in claimed]
        seconds = [link.people.claim_s if link.people else 0.0 for link in links]
        asked = {"task": [one.task.id for one in claimed], "who": [one.claimed_by for one in claimed]}
        tx.execute(_CLAIM, asked | {"seconds": seconds})


def jobs_begun(touched: Iterable[Manual]) -> set[int]:
    """The jobs of which a person has begun with a task."""
    return {manual.task.job for manual in touched if manual.task.started}


_RECORD = text("""
    insert into task_history (job_id, task_id, seq, actor, event, attempt, paths, comment)
    select u.job, u.task,
      1 + coalesce((select max(seq) from task_history h where h.job_id = u.job and h.task_id = u.task), 0),
      :actor, u.event, u.attempt, u.paths, :comment
    from unnest(
      cast(:job as bigint[]), cast(:task as bigint[]), cast(:event as text[]), cast(:attempt as int[]),
      cast(:paths as int[])
    ) as u(job, task, event, attempt, paths)
""")


def record_task(
    tx: Connection, said: Sequence[tuple[Manual, str, int | None]], actor: str, comment: str | None = None
) -> None:
    """Write what was done with tasks, one entry each: (which, event, how many paths it is about)."""
    if said:
        values = {
            "job": [manual.task.job for manual, _, _ in said],
            "task": [manual.task.id for manual, _, _ in said],
            "event": [event for _, event, _ in said],
            "attempt": [manual.task.attempt for manual, _, _ in said],
            "paths": [paths for _, _, paths in said],
        }
        tx.execute(_RECORD, values | {"actor": actor, "comment": comment})
