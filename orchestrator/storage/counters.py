"""Counters, kept by what changed and written in the transaction that changed it: nothing is ever counted by a scan."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from orchestrator.domain.discovery import TOGETHER, DiscoveryState
from orchestrator.domain.task import TASK, TaskState
from orchestrator.storage import tally
from orchestrator.storage.together import write

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
            write(
                tx,
                _STEPS,
                _columns([key for key, _ in steps], [c for _, c in steps], ("job", "rule", "step"), _STEP_COLUMNS),
            )
        if jobs := sorted(self.jobs.items()):
            write(tx, _JOBS, _columns([(key,) for key, _ in jobs], [c for _, c in jobs], ("job",), _JOB_COLUMNS))
        if walks := sorted(self.walks.items()):
            write(tx, _WALKS, _columns([(key,) for key, _ in walks], [c for _, c in walks], ("job",), _WALK_COLUMNS))
        tally.add(tx, self._ended())

    def _ended(self) -> dict[tuple[str, ...], float]:
        """How many tasks have come to each end, whichever their jobs."""
        counts = Counter[tuple[str, ...]]()
        for step in self.steps.values():
            for state in TASK.terminal & step.keys():
                counts["tasks", state] += step[state]
        return {what: n for what, n in counts.items() if n}


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


def _adding(table: str, keys: dict[str, str], columns: list[str], follows: str = "") -> str:
    arrays = [f"cast(:{key} as bigint[])" for key in keys] + [f"cast(:{column} as bigint[])" for column in columns]
    names = [*keys, *columns]
    return (
        f"update {table} t set "  # noqa: S608 - made of our own names only, and written once at import
        + ", ".join(f"{column} = t.{column} + u.{column}" for column in columns)
        + follows
        + f" from unnest({', '.join(arrays)}) as u({', '.join(names)}) where "
        + " and ".join(f"t.{column} = u.{key}" for key, column in keys.items())
    )


_STEPS = text(_adding("job_steps", {"job": "job_id", "rule": "rule", "step": "step"}, list(_STEP_COLUMNS.values())))
_JOBS = text(_adding("progress", {"job": "job_id"}, list(_JOB_COLUMNS)))
_WHEN = " ".join(f"when t.{one.lower()} + u.{one.lower()} > 0 then '{one}'" for one in TOGETHER)
_STATE = f", state = cast(case {_WHEN} else '{DiscoveryState.CLOSED}' end as discovery_state)"
_WALKS = text(_adding("discoveries", {"job": "job_id"}, list(_WALK_COLUMNS.values()), _STATE))
