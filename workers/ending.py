"""What a task has come to, as the hub is told: counts, who goes on, what went wrong, what travels on."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.contracts.parcel import TaskOrder
from orchestrator.contracts.paths import Carry, PathList, bitmap, indices, pack_carry, unpack, unpack_carry
from orchestrator.contracts.report import Problem, TaskError
from workers.aside import Aside
from workers.context import ABORTED, DONE, FAILED, PROCESSED, SKIPPED, Verdict, reason_of
from workers.legible import legible, tail
from workers.path import Path

MAX_MESSAGE = 2000
MAX_TRACEBACK = 4000
MOVED_FROM = "moved_from"
"""The note of a path that discovery says has ``moved``: where it was before."""
_OUR_FRAMES = ("workers.runner", "workers.time_limit")
NOT_REPORTED = Verdict(FAILED, "not reported", "NotReported")


@dataclass(frozen=True, slots=True)
class Order:
    """A task's paths, unpacked."""

    length: int
    """How many the batch has."""
    paths: list[Path]
    """Those given, in the order of the batch."""
    carry: Carry
    packed_carry: bytes | None
    """The same, as it came."""
    aside: Aside

    @classmethod
    def of(cls, order: TaskOrder, aside: Aside = Aside()) -> "Order":  # noqa: B008 - it never changes
        """Unpack; WireError when it can not be."""
        batch, carry = unpack(order.paths), unpack_carry(order.carry)
        paths = [
            Path(
                index,
                carry.renamed.get(index, batch.paths[index]),
                base=batch.base,
                kind=batch.kinds[index] if batch.kinds else "?",
                state=batch.states[index] if batch.states else None,
                size=batch.sizes[index] if batch.sizes else None,
                notes=_notes(batch, carry, index),
                spool=aside.spool,
            )
            for index in indices(order.given, len(batch))
        ]
        return cls(len(batch), paths, carry, order.carry, aside)


def _notes(batch: PathList, carry: Carry, index: int) -> dict[str, Any] | None:
    """What earlier steps noted, and what discovery did."""
    noted, came_from = carry.notes.get(index), batch.moved_from[index] if batch.moved_from else None
    return noted if came_from is None else {MOVED_FROM: came_from.decode()} | (noted or {})


def ending(order: Order, verdicts: Mapping[int, Verdict], error: TaskError | None, *, stopped: bool) -> dict[str, Any]:
    """The fields of Ended that say what became of the paths.

    After an error, and when stopped, what has no outcome is left out; otherwise it is failed, "not reported".
    """
    if not error and not stopped and _all_done(order.paths, verdicts):
        return {PROCESSED: len(order.paths), "carry": order.packed_carry}
    final: dict[int, Verdict] = {}
    for path in order.paths:
        verdict = verdicts.get(path.index)
        if verdict is None:
            if not (error or stopped):
                final[path.index] = NOT_REPORTED
        elif path.noted and verdict.goes_on and (fault := order.aside.fit(path)):
            final[path.index] = Verdict(FAILED, f"its notes can not travel on: {fault}", "BadNotes")
        else:
            final[path.index] = verdict
    tally: dict[str, int] = dict.fromkeys((PROCESSED, SKIPPED, FAILED, ABORTED), 0)
    for verdict in final.values():
        tally[verdict.outcome] += 1
    passed = [index for index, verdict in final.items() if verdict.goes_on]
    everything = len(passed) == len(order.paths)
    return {
        **tally,
        "passed": None if everything else bitmap(passed, order.length),
        "problems": _problems(order.paths, final),
        "carry": _carried(order, frozenset(passed)),
    }


def _all_done(paths: Sequence[Path], verdicts: Mapping[int, Verdict]) -> bool:
    """Whether nothing is to be told of any of them: what most tasks come to."""
    return all(verdicts.get(path.index) is DONE and not (path.noted or path.renamed) for path in paths)


def task_error(error: BaseException) -> TaskError:
    """An error that a handler let out."""
    # The first frames are ours, and of no use to the author of the action.
    trace = error.__traceback__
    while trace and trace.tb_next and trace.tb_frame.f_globals.get("__name__") in _OUR_FRAMES:
        trace = trace.tb_next
    try:
        lines = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:  # noqa: BLE001 - an exception that can not even be shown must not hide that there was one
        lines = "(its traceback can not be shown)"
    return TaskError(type(error).__name__, legible(reason_of(error), MAX_MESSAGE), tail(lines, MAX_TRACEBACK))


def _problems(paths: Sequence[Path], final: Mapping[int, Verdict]) -> list[Problem]:
    return [
        Problem(
            path.index,
            verdict.outcome,
            path.raw,
            legible(verdict.message, MAX_MESSAGE),
            legible(verdict.error_class, 200),
        )
        for path in paths
        if (verdict := final.get(path.index)) and verdict.outcome != PROCESSED
    ]


def _carried(order: Order, passed: frozenset[int]) -> bytes | None:
    """What came along for the whole batch, and what this step adds for the paths that go on."""
    renamed, notes = dict(order.carry.renamed), dict(order.carry.notes)
    for path in order.paths:
        if path.index in passed:
            if path.noted:
                notes[path.index] = dict(path.kept_notes)
            if path.renamed:
                renamed[path.index] = path.raw
    return pack_carry(Carry(renamed, notes))
