"""Counters, kept by what changed and written in the transaction that changed it: nothing is ever counted by a scan."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, text

from orchestrator.domain.discovery import DiscoveryState, together
from orchestrator.domain.task import TaskState
from orchestrator.storage.tables import discoveries

_TASK_STATES = tuple(TaskState)
_WALK_STATES = tuple(DiscoveryState)
_PROGRESS = (
    "total", "processed", "skipped", "failed", "aborted", "cancelled",
    "unmatched", "open_tasks", "bad_tasks", "out", "troubles", "stopped",
)  # fmt: skip


@dataclass(slots=True)
class Deltas:
    """What one transaction adds to and takes from the counters."""

    steps: defaultdict[tuple[int, int, int], Counter[TaskState]] = field(default_factory=lambda: defaultdict(Counter))
    """(job, rule, step) -> by state."""
    jobs: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """job -> by column of ``progress``."""
    walks: defaultdict[int, Counter[DiscoveryState]] = field(default_factory=lambda: defaultdict(Counter))
    """job -> by state."""

    def move(self, step: tuple[int, int, int], before: TaskState, after: TaskState, n: int = 1) -> None:
        """Tasks of one step went from one state to another."""
        counter = self.steps[step]
        counter[before] -= n
        counter[after] += n

    def move_walk(self, job: int, before: DiscoveryState, after: DiscoveryState) -> None:
        """A walk went from one state to another."""
        counter = self.walks[job]
        counter[before] -= 1
        counter[after] += 1

    def write(self, tx: Connection) -> None:
        """Add them to the rows, in the order of their keys, so that two transactions can not lock each other out."""
        if steps := sorted(self.steps.items()):
            tx.execute(
                _STEPS,
                _columns([key for key, _ in steps], [c for _, c in steps], ("job", "rule", "step"), _STEP_COLUMNS),
            )
        if jobs := sorted(self.jobs.items()):
            tx.execute(_JOBS, _columns([(key,) for key, _ in jobs], [c for _, c in jobs], ("job",), _JOB_COLUMNS))
        if walks := sorted(self.walks.items()):
            tx.execute(_WALKS, _columns([(key,) for key, _ in walks], [c for _, c in walks], ("job",), _WALK_COLUMNS))
            _write_discovery_states(tx, [job for job, _ in walks])


def _columns(
    keys: Sequence[tuple[int, ...]],
    counters: Sequence[Mapping[Any, int]],
    key_names: tuple[str, ...],
    columns: Mapping[str, str],
) -> dict[str, list[int]]:
    values = {name: [key[place] for key in keys] for place, name in enumerate(key_names)}
    for word, column in columns.items():
        values[column] = [counter.get(word, 0) for counter in counters]
    return values


_STEP_COLUMNS = {state.value: state.value.lower() for state in _TASK_STATES}
_WALK_COLUMNS = {state.value: state.value.lower() for state in _WALK_STATES}
_JOB_COLUMNS = {name: name for name in _PROGRESS}


def _adding(table: str, keys: dict[str, str], columns: list[str]) -> str:
    arrays = [f"cast(:{key} as bigint[])" for key in keys] + [f"cast(:{column} as bigint[])" for column in columns]
    names = [*keys, *columns]
    return (
        f"update {table} t set "  # noqa: S608 - made of our own names only, and written once at import
        + ", ".join(f"{column} = t.{column} + u.{column}" for column in columns)
        + f" from unnest({', '.join(arrays)}) as u({', '.join(names)}) where "
        + " and ".join(f"t.{column} = u.{key}" for key, column in keys.items())
    )


_STEPS = text(_adding("job_steps", {"job": "job_id", "rule": "rule", "step": "step"}, list(_STEP_COLUMNS.values())))
_JOBS = text(_adding("progress", {"job": "job_id"}, list(_JOB_COLUMNS)))
_WALKS = text(_adding("discoveries", {"job": "job_id"}, list(_WALK_COLUMNS.values())))

_READ_WALKS = select(discoveries.c.job_id, *(discoveries.c[column] for column in _WALK_COLUMNS.values()))
_SET_DISCOVERY = text("""
    update discoveries d set state = u.state
    from unnest(cast(:job as bigint[]), cast(:state as discovery_state[])) as u(job, state)
    where d.job_id = u.job and d.state <> u.state
""")


def _write_discovery_states(tx: Connection, jobs: list[int]) -> None:
    rows = tx.execute(_READ_WALKS.where(discoveries.c.job_id.in_(jobs))).all()
    states = [together(state for state, n in zip(_WALK_STATES, row[1:], strict=True) if n) for row in rows]
    tx.execute(_SET_DISCOVERY, {"job": [row.job_id for row in rows], "state": states})
