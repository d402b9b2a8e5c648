"""Collecting results: what the sites report becomes states, counters, and what is to be done next.

Read what the reports are about, decide in memory (decide.py), write once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.paths import merge_carries, number
from orchestrator.contracts.report import Item, Reports
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.cascade import Tally
from orchestrator.domain.chain import STEP_BITS, batch_of, step_of
from orchestrator.domain.task import TaskState
from orchestrator.services.chains import Plan
from orchestrator.services.consequences import Writing
from orchestrator.services.decide import Task, take
from orchestrator.services.failures import Failures, blame
from orchestrator.services.memory import Lessons, Memory
from orchestrator.services.parcels import write_parcels
from orchestrator.services.ready import make_ready
from orchestrator.services.remember import good_ends, remember
from orchestrator.services.smooth import Smooth, smooth
from orchestrator.storage import tables
from orchestrator.storage.arrays import array
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import change_tasks, end_well, give


@dataclass(frozen=True, slots=True)
class Late:
    """A report that changes nothing any more."""

    site: str
    node: str
    item: Item
    reason: str


class Collected(NamedTuple):
    """What a turn's reports have told."""

    begun: frozenset[int] = frozenset()
    """Jobs of which a task began."""
    heard: frozenset[tuple[str, str]] = frozenset()
    """(site, parcel) that were not known to be claimed before."""


def collect(
    tx: Connection, reports: Sequence[Reports], plan: Plan, memory: Memory, deltas: Deltas, failures: Failures
) -> Collected:
    """Apply reports in the order they came; the rows of their jobs are locked."""
    said = [(report.site, report.node, item) for report in reports for item in report.items]
    if not said:
        return Collected()
    rows = _read(tx, {item.task for _, _, item in said})
    well = smooth(said, rows)
    others = [one for one in said if one[2].task not in well]
    tasks = {item.task: task_of(row, plan) for _, _, item in others if (row := rows.get(item.task))}
    late: list[Late] = []
    lessons = Lessons(memory)
    for site, node, item in others:
        task = tasks.get(item.task)
        if reason := take(task, site, node, item):
            late.append(Late(site, node, item, reason))
        elif task is not None:
            lessons.add(task, item)
    lessons.add_smooth(well.values())
    lessons.learn()
    touched = [task for task in tasks.values() if task.started or not task.out]
    write_tasks(tx, touched, well, plan, deltas)
    remember(tx, good_ends(touched, rows, well, plan))
    write_failures(tx, touched, failures)
    _write_late(tx, late)
    _count(memory, said, touched, rows, late)
    began = {one.row.job_id for one in well.values()}.union(task.job for task in touched if task.started)
    moved = (rows[task] for task in (*well, *(task.id for task in touched)))
    return Collected(frozenset(began), frozenset((row.site, row.parcel) for row in moved if not row.claimed))


def _count(
    memory: Memory,
    said: Sequence[tuple[str, str, Item]],
    touched: Sequence[Task],
    rows: Mapping[int, Row[Any]],
    late: Sequence[Late],
) -> None:
    """For metrics: what was reported, what came late, and what is tried again."""
    counted = memory.counted
    for (site, kind), n in Counter((site, type(item)) for site, _, item in said).items():
        counted["reports", site, kind.__name__.lower()] += n
    for one in late:
        counted["late", one.site] += 1
    for task in touched:
        if task.tries > rows[task.id].tries:
            counted["retries", task.site] += 1
        if task.crashes > rows[task.id].crashes:
            counted["crashes", task.site] += 1


_READ = text("""
    select t.id, t.job_id, t.rule, t.attempt, t.state, t.given, t.given_bits, t.settled_bits, t.suspect_bits,
      t.passed_bits, t.processed, t.skipped, t.failed, t.aborted, t.tries, t.crashes,
      b.n, h.tried_bits, p.id as parcel, p.site, p.claimed_at is not null as claimed, j.state as job_state
    from handouts h
    join parcels p on p.id = h.parcel
    join tasks t on t.id = h.task_id and t.attempt = h.attempt
    join batches b on b.id = t.id >> :bits
    join jobs j on j.id = t.job_id
    where h.task_id = any(cast(:ids as bigint[]))
""")


def _read(tx: Connection, ids: Iterable[int]) -> dict[int, Row[Any]]:
    return {row.id: row for row in tx.execute(_READ, {"ids": array(ids), "bits": STEP_BITS})}


def task_of(row: Row[Any], plan: Plan) -> Task:
    """A task as its row, and that of its hand-out, tell it."""
    state, given, links = TaskState(row.state), number(row.given_bits, row.n), plan[row.job_id, row.rule]
    link = links[step_of(row.id)]
    return Task(
        id=row.id,
        job=row.job_id,
        rule=row.rule,
        action=link.action,
        site=row.site,
        parcel=row.parcel,
        claimed=row.claimed,
        last_step=len(links) - 1,
        batch_size=row.n,
        attempt=row.attempt,
        was=state,
        state=state,
        given=given,
        tried=given if row.tried_bits is None else number(row.tried_bits, row.n),
        settled=number(row.settled_bits or b"", row.n),
        suspects=number(row.suspect_bits or b"", row.n),
        passed=number(row.passed_bits or b"", row.n),
        tally=Tally(row.processed, row.skipped, row.failed, row.aborted),
        tries=row.tries,
        crashes=row.crashes,
        dequeuing=row.job_state == JobState.DEQUEUING,
        policy=link.policy,
    )


def write_tasks(
    tx: Connection, touched: Sequence[Task], well: Mapping[int, Smooth], plan: Plan, deltas: Deltas
) -> None:
    """Write what was decided about tasks, and what follows for their chains."""
    writing = Writing()
    for task in touched:
        writing.add(task, deltas)
    writing.add_smooth(well, plan, deltas)
    give(tx, writing.given)
    change_tasks(tx, writing.changes)
    end_well(tx, writing.well, writing.handed_on)
    _write_carries(tx, writing.carried)
    write_parcels(tx, writing.done, writing.began)
    make_ready(tx, writing.ready, plan)


_CARRIES = text("select task_id, carry from carries where task_id = any(cast(:ids as bigint[]))")

_KEEP_CARRIES = text("""
    insert into carries (task_id, carry)
    select * from unnest(cast(:ids as bigint[]), cast(:carries as bytea[]))
    on conflict (task_id) do update set carry = excluded.carry
""")


def _write_carries(tx: Connection, carried: dict[int, bytes]) -> None:
    """Keep names and notes for the next steps; those of an earlier part of the same task stay."""
    if not carried:
        return
    for row in tx.execute(_CARRIES, {"ids": list(carried)}):
        carried[row.task_id] = merge_carries(bytes(row.carry), carried[row.task_id])
    tx.execute(_KEEP_CARRIES, {"ids": list(carried), "carries": list(carried.values())})


_NAMES = text("""
    select b.paths, c.carry from batches b left join carries c on c.task_id = :task where b.id = :batch
""")


def write_failures(tx: Connection, touched: Sequence[Task], failures: Failures) -> None:
    """Note which of their paths were not processed, and why."""
    for task in touched:
        host = task.worker or task.site
        for problem in task.problems:
            failures.path(task.job, task.id, task.rule, task.step, task.action, host, problem)
        if task.error is not None:
            failures.task(task.job, task.rule, task.step, task.action, host, task.error, task.given.bit_count())
        if task.blamed:
            names = tx.execute(_NAMES, {"task": task.id, "batch": batch_of(task.id)}).one()
            for problem in blame(names.paths, names.carry, task.blamed):
                failures.path(task.job, task.id, task.rule, task.step, task.action, host, problem)


def _write_late(tx: Connection, late: Sequence[Late]) -> None:
    rows = [(one.item.task, one.item.attempt, one.site, one.node, type(one.item).__name__, one.reason) for one in late]
    if rows:
        copy_in(tx, tables.stale_reports, ("task_id", "attempt", "site", "node", "said", "reason"), rows)
