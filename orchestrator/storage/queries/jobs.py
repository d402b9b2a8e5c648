"""Jobs, as they are seen: state, counters, plan and progress, all as of one moment."""

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, case, exists, extract, func, select
from sqlalchemy import true as sql_true

from orchestrator.contracts import views
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.domain.edit_job import EditState
from orchestrator.domain.kinds import EDITS, ENDS, Kind
from orchestrator.domain.people import Person
from orchestrator.domain.task import TaskState
from orchestrator.domain.task_group import TaskStatus
from orchestrator.errors import NotFound
from orchestrator.storage.queries.holds import holds_of
from orchestrator.storage.queries.job_filter import JobFilter, matching
from orchestrator.storage.queries.keyset import decode, encode, page_by
from orchestrator.storage.queries.legal import Facts, legal_events, read_facts
from orchestrator.storage.queries.tasks import whose
from orchestrator.storage.tables import (
    dependencies,
    discoveries,
    edit_jobs,
    forecasts,
    group_jobs,
    group_tasks,
    history,
    job_steps,
    jobs,
    progress,
    streams,
)

_COUNTED = ("total", "processed", "skipped", "failed", "aborted", "cancelled", "unmatched")
_ENDED = ("processed", "skipped", "failed", "aborted", "cancelled")
_FARTHEST = timedelta(days=3650)
_STATES = [state.value for state in TaskState]
_counts = operator.attrgetter(*_STATES)
_TOLD_AS = ["rule", "step", "action", "label", "site", "queue", "function", *_STATES]
_EDIT = [
    edit_jobs.c[name]
    for name in (
        *("job_type", "job_type_version", "mode", "quarantine", "stage", "step_job_id", "planned_start"),
        *("time_spent_s", "failures", "decision"),
    )
]
_OF_EDITS = frozenset(column.name for column in _EDIT)
_TOLD = [job_steps.c[name.lower()] for name in _TOLD_AS]


def list_jobs(
    tx: Connection, wanted: JobFilter, limit: int, cursor: str | None = None, person: Person | None = None
) -> views.Page[views.Job]:
    """The newest first; ``legal_events`` are those that this person may fire."""
    query = matching(_jobs(), wanted).order_by(jobs.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(jobs.c.id < decode(cursor, "jobs", int)[0])
    rows = tx.execute(query).all()
    items = _views(tx, rows[:limit], person)
    return views.Page[views.Job](items=items, next_cursor=encode("jobs", [items[-1].id]) if len(rows) > limit else None)


def read_job(tx: Connection, job_id: int, person: Person | None = None) -> views.Job:
    """One job, with the ``legal_events`` that this person may fire; NotFound when there is none."""
    rows = tx.execute(_jobs().where(jobs.c.id == job_id)).all()
    if not rows:
        raise NotFound(f"there is no job {job_id}")
    return _views(tx, rows, person)[0]


def known_job(tx: Connection, job_id: int) -> None:
    """NotFound when there is none."""
    if not tx.scalar(select(sql_true()).where(jobs.c.id == job_id, jobs.c.pruned_at.is_(None))):
        raise NotFound(f"there is no job {job_id}")


def read_snapshots(tx: Connection, job_ids: Sequence[int]) -> dict[int, views.Snapshot]:
    """What is told live about each of these jobs that there is."""
    last = (
        select(history.c.seq, history.c.from_state)
        .where(history.c.job_id == jobs.c.id)
        .order_by(history.c.seq.desc())
        .limit(1)
        .lateral("last")
    )
    query = _jobs().add_columns(last.c.seq, last.c.from_state).where(jobs.c.id.in_(job_ids))
    rows = tx.execute(query.outerjoin_from(jobs, last, sql_true())).all()
    steps = _steps(tx, [row.id for row in rows])
    return {
        row.id: views.Snapshot(
            seq=row.seq or 0,
            state=row.state,
            from_=row.from_state,
            tasks=_sum(steps[row.id]),
            paths=_paths(row),
            progress=_progress(row),
        )
        for row in rows
    }


def read_history(tx: Connection, job_id: int, limit: int, cursor: str | None = None) -> views.Page[views.HistoryEntry]:
    """What happened to a job, oldest first."""
    return page_by(tx, select(history).where(history.c.job_id == job_id), history.c.seq, limit, cursor, _entry)


def _entry(row: Row[Any]) -> views.HistoryEntry:
    told = {name: getattr(row, name) for name in ("seq", "at", "actor", "event", "reason", "comment")}
    return views.HistoryEntry(**told, from_=row.from_state, to=row.to_state)


def _jobs() -> Select[Any]:
    """Jobs with their counters; an answer is made of one row and its steps."""
    elapsed = extract("epoch", func.coalesce(jobs.c.ended_at, func.now()) - jobs.c.started_at)
    status = group_tasks.c.status
    rows = (
        select(
            func.count().filter(status == TaskStatus.COMPLETE.code).label("rows_done"),
            func.count().filter(status != TaskStatus.CANCELLED.code).label("rows"),
        )
        .where(group_tasks.c.group_id == jobs.c.id, jobs.c.kind == Kind.GROUP)
        .lateral("rows")
    )
    return (
        select(
            jobs,
            discoveries.c.state.label("discovery_state"),
            *rows.c,
            *(group_jobs.c[name] for name in ("task_group", "advance", "percent_complete")),
            *_EDIT,
            streams.c.lines.label("streamed"),
            func.coalesce(jobs.c.ended_at, func.now()).label("until"),
            *(func.coalesce(progress.c[name], 0).label(name) for name in _COUNTED),
            case((jobs.c.started_at.is_(None), 0), else_=elapsed).label("elapsed_s"),
            exists().where(forecasts.c.job_id == jobs.c.id).label("dry_run"),
            func.now().label("now"),
        )
        .outerjoin(progress, progress.c.job_id == jobs.c.id)
        .outerjoin(discoveries, discoveries.c.job_id == jobs.c.id)
        .outerjoin(group_jobs, group_jobs.c.job_id == jobs.c.id)
        .outerjoin(rows, sql_true())
        .outerjoin(edit_jobs, edit_jobs.c.job_id == jobs.c.id)
        .outerjoin(streams, streams.c.job_id == jobs.c.id)
        .where(jobs.c.pruned_at.is_(None))
    )


def _views(tx: Connection, rows: Sequence[Row[Any]], person: Person | None) -> list[views.Job]:
    steps = _steps(tx, [row.id for row in rows])
    held = holds_of(tx, [row for row in rows if row.state not in ENDS])
    facts, waits = read_facts(tx, rows), _dependencies(tx, [row.id for row in rows])
    return [_view(row, steps[row.id], held.get(row.id, []), waits[row.id], facts, person) for row in rows]


def _dependencies(tx: Connection, job_ids: Sequence[int]) -> defaultdict[int, list[views.DependsOn]]:
    found: defaultdict[int, list[views.DependsOn]] = defaultdict(list)
    query = select(dependencies).where(dependencies.c.job_id.in_(job_ids))
    for row in tx.execute(query.order_by(dependencies.c.job_id, dependencies.c.on_job)):
        met = None if row.outcome is None else row.outcome == "met"
        found[row.job_id].append(views.DependsOn(job=row.on_job, state=row.wanted, met=met))
    return found


def _view(
    row: Row[Any],
    steps: list[views.Step],
    held: list[views.Hold],
    waits: list[views.DependsOn],
    facts: Facts,
    person: Person | None,
) -> views.Job:
    own = {name: getattr(row, name) for name in views.Job.model_fields if name in jobs.c or name in _OF_EDITS}
    return views.Job(
        **own
        | {"assignee": row.claimed_by or row.assignee, "max_running": row.max_running and row.max_running.get("job")},
        group=row.assigned_group,
        dry_run=row.dry_run,
        overdue=row.due_at is not None and row.due_at < row.until,
        start_overdue=row.started_at is None and row.planned_start is not None and row.planned_start < row.until,
        task_group=row.task_group,
        advance=row.advance,
        discovery=views.Discovery(
            state=_discovery(row),
            found=row.total + row.unmatched,
            cursor=None if row.streamed is None else str(row.streamed),
        ),
        tasks=_sum(steps),
        paths=_paths(row),
        steps=steps,
        progress=_progress(row),
        holds=held,
        depends_on=waits,
        legal_events=legal_events(person, row, facts, held=bool(held) or row.awaits > 0),
    )


def _steps(tx: Connection, job_ids: Sequence[int]) -> defaultdict[int, list[views.Step]]:
    steps: defaultdict[int, list[views.Step]] = defaultdict(list)
    order = (job_steps.c.job_id, job_steps.c.rule, job_steps.c.step)
    query = select(job_steps.c.job_id, *_TOLD).where(job_steps.c.job_id.in_(job_ids)).order_by(*order)
    for job, *told in tx.execute(query):
        step = dict(zip(_TOLD_AS, told, strict=True))
        steps[job].append(views.Step(**step | whose(step["site"], step["queue"], step["function"])))
    return steps


def _sum(steps: Iterable[views.Step]) -> views.TaskCounts:
    counts = zip(*(_counts(step) for step in steps), strict=True)
    return views.TaskCounts(**{state: sum(some) for state, some in zip(_STATES, counts, strict=False)})


def _paths(row: Row[Any]) -> views.PathCounts:
    return views.PathCounts(**{name: getattr(row, name) for name in _COUNTED})


def _discovery(row: Row[Any]) -> DiscoveryState:
    return row.discovery_state or DiscoveryState.CLOSED


def _progress(row: Row[Any]) -> views.Progress:
    """In paths; of a group job in its tasks."""
    if row.kind == Kind.GROUP:
        percent, final = round(row.percent_complete, 1), row.ended_at is not None
        return _by_hand(row.rows_done, row.rows, percent, final=final)
    if row.kind in EDITS:
        done = int(row.ended_at is not None and row.state != EditState.ABANDONED)
        return _by_hand(done, 1, 100.0 * done, final=True)
    if row.kind == Kind.TASK:
        done = int(row.state == TaskStatus.COMPLETE)
        return _by_hand(done, 1, 100.0 * done, final=True)
    done, final = sum(getattr(row, name) for name in _ENDED), _discovery(row) in DISCOVERY.terminal
    elapsed = float(row.elapsed_s or 0)
    rate = done / elapsed if elapsed > 0 else 0.0
    left = max(row.total - done, 0)
    eta: datetime | None = None
    if final and left and rate and row.ended_at is None and left / rate < _FARTHEST.total_seconds():
        eta = row.now + timedelta(seconds=left / rate)
    return views.Progress(
        done=done,
        total=row.total,
        total_is_final=final,
        percent=_percent(done, row.total, final=final),
        rate_per_s=round(rate, 2),
        eta=eta,
    )


def _by_hand(done: int, total: int, percent: float, *, final: bool) -> views.Progress:
    """Progress that has no rate: people do not work at one."""
    return views.Progress(done=done, total=total, total_is_final=final, percent=percent, rate_per_s=0.0, eta=None)


def _percent(done: int, total: int, *, final: bool) -> float:
    """100 only when all is done; nothing found is all done once discovery is over."""
    if not total:
        return 100.0 if final else 0.0
    return 100.0 if done >= total else min(round(100 * done / total, 1), 99.9)
