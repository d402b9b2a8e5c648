"""Running an action over paths in a test: no broker, no hub, the same runner as at a site.

::

    result = run_action(tile, ["a.tif", "broken.tif"], params={"zoom": 3}, roots=[tmp_path])
    assert result.outcomes == {"a.tif": "processed", "broken.tif": "failed"}
    assert result.state == "Error"
"""

import logging
import os
import pathlib
import stat
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import Carry, PathList, bitmap, indices, pack, pack_carry, unpack_carry
from orchestrator.contracts.report import Ended, Item, LogLine, Said, TaskError, TaskProgress
from orchestrator.domain.cascade import Tally, ending
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from workers.allowed import Allowed
from workers.registry import REGISTRY, Action, make_action
from workers.roots import Root, Roots
from workers.runner import Runner
from workers.spool import Notes, Spool
from workers.stores import Stores
from workers.task_log import listen, stop_listening

AnyPath = str | bytes | os.PathLike[str]
_BUILT_IN = "workers.actions"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one task; paths are named as they were given, as text."""

    state: TaskState
    outcomes: dict[str, str]
    """Path -> processed, skipped, failed or aborted; without one when the task did not come to an end by itself."""
    messages: dict[str, str]
    """Path -> why it was not processed."""
    passed: list[str]
    """The paths that the next step would be given."""
    notes: dict[str, dict[str, Any]]
    """Path -> its notes, of those that pass; those that would be put aside too."""
    renamed: dict[str, str]
    """Path -> its new name, of those that pass."""
    error: TaskError | None
    ended: Ended
    """The report, as the hub is sent it."""
    log: list[LogLine]
    """What was logged, by ``ctx.log`` or otherwise: INFO and above."""
    progress: list[TaskProgress]
    """What ``ctx.progress`` sent: about one word a second."""


@dataclass(slots=True)
class _Kept:
    items: list[Item] = field(default_factory=list[Item])
    said: list[Said] = field(default_factory=list[Said])

    def hurry(self) -> None:
        pass

    def send(self, item: Item) -> None:
        self.items.append(item)

    def tell(self, said: Said) -> None:
        self.said.append(said)


def run_action(
    action: str | Callable[..., Any],
    paths: Sequence[AnyPath],
    *,
    params: Mapping[str, Any] | None = None,
    roots: Iterable[AnyPath] = (),
    stores: Stores | None = None,
    allowed: Allowed = Allowed(),  # noqa: B008 - it never changes
    base: AnyPath = "",
    notes: Mapping[int, dict[str, Any]] | None = None,
    kinds: str | None = None,
    given: Iterable[int] | None = None,
    attempt: int = 1,
    timeout: float | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Run one task of an action (its function, or the name of one that is loaded or built in) over paths.

    ``roots`` are the folders it may touch, ``stores`` and ``allowed`` what else. ``kinds`` (a letter a path,
    contracts.paths.KINDS) is what discovery saw; left out, it is looked up now. ``notes`` came along, by place in
    ``paths``; ``given`` are the places that this attempt is to handle. ``cancelled`` is asked as the job's cancellation
    would be; ``timeout`` is in seconds.
    """
    found = _action(action)
    raw = [os.fsencode(path) for path in paths]
    seen = "".join(_kind(path) for path in raw) if kinds is None else kinds
    batch = pack(PathList(raw, seen, base=os.fsencode(base)))
    handed = None if given is None else bitmap(given, len(raw))
    order = TaskOrder(1, attempt, batch, handed, pack_carry(Carry(notes=dict(notes or {}))))
    parcel = Parcel("test", "test", "default", "worker", found.name, 1, 0, dict(params or {}), [order], 0.0, timeout)
    kept = _Kept()
    places = Roots((Root(os.path.abspath(os.fsencode(root))) for root in roots), stores)
    # Cancelled while it runs, not before it begins.
    begun = lambda: bool(kept.items) and cancelled()  # noqa: E731
    with _listening(), tempfile.TemporaryDirectory() as folder:
        spool = Spool(pathlib.Path(folder), parcel.site)
        Runner({found.name: found}, places, kept, lambda _job: begun(), spool=spool, allowed=allowed).run(parcel)
        return _result(kept, spool, [os.fsdecode(path) for path in raw], list(indices(handed, len(raw))))


@contextmanager
def _listening() -> Generator[None, None, None]:
    """Hear as much as a worker does, that logs INFO and above."""
    root = logging.getLogger()
    before = root.level
    listen()
    root.setLevel(min(before, logging.INFO))
    try:
        yield
    finally:
        root.setLevel(before)
        stop_listening()


def _result(kept: _Kept, spool: Spool, names: Sequence[str], given: Sequence[int]) -> Result:
    ended = next(item for item in kept.items if isinstance(item, Ended))
    over = ended.error is not None or ended.stopped
    problems = {problem.index: problem for problem in ended.problems}
    good = list(given if ended.passed is None else indices(ended.passed, len(names)))
    passed = [] if over else good
    outcomes = {names[i]: problems[i].outcome if i in problems else "processed" for i in sorted({*good, *problems})}
    carry = unpack_carry(ended.carry)
    return Result(
        state=_state(ended),
        outcomes=outcomes,
        messages={names[problem.index]: problem.message for problem in ended.problems},
        passed=[names[i] for i in passed],
        notes={names[i]: dict(Notes(carry.notes[i], spool)) for i in passed if i in carry.notes},
        renamed={names[i]: os.fsdecode(carry.renamed[i]) for i in passed if i in carry.renamed},
        error=ended.error,
        ended=ended,
        log=[said for said in kept.said if isinstance(said, LogLine)],
        progress=[said for said in kept.said if isinstance(said, TaskProgress)],
    )


def _state(ended: Ended) -> TaskState:
    """What the hub makes of the report, without retries."""
    if ended.error is not None:
        event = TaskEvent.CRASHED
    elif ended.stopped:
        event = TaskEvent.STOPPED
    else:
        event = ending(Tally(ended.processed, ended.skipped, ended.failed, ended.aborted))
    return TASK.fire(TaskState.STARTED, event)


def _action(action: str | Callable[..., Any]) -> Action:
    if isinstance(action, str):
        if action not in REGISTRY.actions:
            REGISTRY.load([_BUILT_IN], groups=())
        return REGISTRY.actions[action]
    registered = (known for known in REGISTRY.actions.values() if known.function is action)
    return next(registered, None) or make_action(action, getattr(action, "__name__", "action"))


def _kind(path: bytes) -> str:
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return "?"
    letters = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}
    return letters.get(stat.S_IFMT(mode), "o")
