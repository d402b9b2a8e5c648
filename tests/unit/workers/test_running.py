import asyncio
import contextlib
import signal
import threading
import time
from pathlib import Path as File
from typing import Any

import pytest

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import Carry, PathList, bitmap, pack, pack_carry, unpack_carry
from orchestrator.contracts.report import Ended, Returned, Started
from tests.unit.workers.kept import Kept
from workers import Context, Path, Stopped, runner
from workers.registry import make_action
from workers.roots import Roots
from workers.runner import Runner
from workers.testing import run_action

GIVEN = ["/a", "/b", "/c", "/d"]


def test_what_is_said_counts() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        a, b, c, d = paths
        ctx.done(a)
        ctx.skip(b, "nothing to do")
        ctx.fail(c, "broken", "Broken")
        ctx.abort(d, "gone")

    result = run_action(handler, GIVEN)
    assert result.outcomes == {"/a": "processed", "/b": "skipped", "/c": "failed", "/d": "aborted"}
    assert result.messages == {"/b": "nothing to do", "/c": "broken", "/d": "gone"}
    assert (result.state, result.passed, result.error) == ("Error", ["/a"], None)
    ended = result.ended
    assert (ended.processed, ended.skipped, ended.failed, ended.aborted) == (1, 1, 1, 1)
    assert ended.passed == bitmap([0], 4)


def test_what_is_not_said_is_failed() -> None:
    def forgets(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            if path.path == "/a":
                ctx.done(path)

    result = run_action(forgets, ["/a", "/b"])
    assert result.outcomes == {"/a": "processed", "/b": "failed"}
    assert result.messages == {"/b": "not reported"}


def test_an_exception_fails_its_path_only() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                if path.path == "/b":
                    raise ValueError("no good")
                if path.path == "/c":
                    ctx.skip(path, "left out", go_on=True)
                if path.path == "/d":
                    ctx.fail(path, "bad")

    result = run_action(handler, GIVEN)
    assert result.outcomes == {"/a": "processed", "/b": "failed", "/c": "skipped", "/d": "failed"}
    assert result.ended.problems[0].error_class == "ValueError"
    assert result.passed == ["/a", "/c"]


def test_said_twice_counts_once_and_a_failure_stays() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        a, b, c, d = paths
        ctx.fail(a, "first")
        ctx.fail(a, "second")
        ctx.done(a)
        ctx.done(b, b)
        ctx.skip(b, "after all")
        ctx.done(c)
        ctx.abort(c, "late")
        ctx.skip(d, "no")
        ctx.done(d)

    result = run_action(handler, GIVEN)
    assert result.outcomes == {"/a": "failed", "/b": "skipped", "/c": "aborted", "/d": "processed"}
    assert result.messages["/a"] == "second"
    ended = result.ended
    assert ended.processed + ended.skipped + ended.failed + ended.aborted == 4


def test_all_good_is_none() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.done(*paths)

    assert run_action(handler, GIVEN).ended.passed is None
    result = run_action(handler, GIVEN, given=[1, 3])
    assert result.ended.passed is None
    assert result.outcomes == {"/b": "processed", "/d": "processed"}
    assert run_action(handler, []).state == "Success"


def test_all_skipped_is_success_and_passes_nothing() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            ctx.skip(path, "no")

    result = run_action(handler, GIVEN)
    assert (result.state, result.passed, result.ended.passed) == ("Success", [], b"\0")


def test_names_and_notes_travel() -> None:
    def handler(ctx: Context, paths: list[Path], **_: Any) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                path.note(n=path.index, before=path.notes.get("size"))
                if path.path == "/b":
                    ctx.rename(path, b"/new\xff")
                    assert path.raw == b"/new\xff"
                    assert path.path == "/new\udcff"
                if path.path == "/d":
                    raise ValueError

    result = run_action(handler, GIVEN, notes={0: {"size": 3}, 2: {"x": 1}}, given=[0, 1, 3])
    assert result.notes == {"/a": {"size": 3, "n": 0, "before": 3}, "/b": {"n": 1, "before": None}}
    assert result.renamed == {"/b": "/new\udcff"}
    assert unpack_carry(result.ended.carry).notes[2] == {"x": 1}


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, float("nan"), 1 << 70, "\udcff", "a\0b", "x" * (17 << 20), {1: 2}, b"bytes", (1,)]
)
def test_notes_that_can_not_travel_fail_their_path(value: object) -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            with ctx.outcome(path):
                if path.path == "/a":
                    path.note(value=value)

    result = run_action(handler, ["/a", "/b"])
    assert result.outcomes == {"/a": "failed", "/b": "processed"}
    assert result.messages["/a"].startswith("its notes can not travel on: ")
    assert result.ended.passed == bitmap([1], 2)


def test_notes_can_not_be_written_past_note() -> None:
    path = Path(0, b"/a", notes={"x": 1})
    with pytest.raises(TypeError):
        path.notes["x"] = 2  # type: ignore[index]


def test_messages_are_bounded_and_can_be_sent() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.fail(paths[0], "\udcff\0" + "x" * 5000)
        with ctx.outcome(paths[1]):
            raise OSError(2, "No such file", "/other")
        with ctx.outcome(paths[2]):
            raise OSError(2, "No such file", "/c")

    result = run_action(handler, GIVEN[:3])
    assert result.messages["/a"].startswith("\\udcff\\x00xxx")
    assert len(result.messages["/a"]) == 2000
    assert result.messages["/b"] == "No such file: /other"
    assert result.messages["/c"] == "No such file"


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3), Unshowable(), MemoryError()])
def test_what_comes_out_is_a_failure(error: BaseException) -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.done(paths[0])
        ctx.fail(paths[1], "no")
        raise error

    result = run_action(handler, GIVEN)
    assert result.state == "Failure"
    assert result.error is not None
    assert result.error.error_class == type(error).__name__
    assert result.outcomes == {"/a": "processed", "/b": "failed"}
    assert result.passed == []


def test_the_traceback_is_the_authors() -> None:
    def deep(n: int) -> None:
        secret = "do not show" * n
        deep(n - 1) if n else exec(f"raise ValueError({len(secret)})")  # noqa: S102

    def handler(ctx: Context, paths: list[Path]) -> None:
        deep(100)

    result = run_action(handler, GIVEN)
    assert result.error is not None
    assert result.error.traceback.rstrip().endswith("ValueError: 0")
    assert len(result.error.traceback) <= 4000
    assert "runner.py" not in result.error.traceback
    assert "do not show" * 2 not in result.error.traceback


def test_cancelled() -> None:
    seen: list[str] = []

    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                seen.append(path.path)

    result = run_action(handler, GIVEN, cancelled=lambda: len(seen) == 2)
    assert (result.state, seen) == ("Cancelled", ["/a", "/b"])
    assert result.outcomes == {"/a": "processed", "/b": "processed"}
    assert result.ended.stopped
    assert not issubclass(Stopped, Exception)


def test_async_handlers() -> None:
    async def handler(ctx: Context, paths: list[Path], *, wait: float = 0.0) -> None:
        async def one(path: Path) -> None:
            with ctx.outcome(path):
                await asyncio.sleep(wait)
                if path.path == "/b":
                    raise ValueError("no")

        await asyncio.gather(*(one(path) for path in ctx.each(paths)))

    result = run_action(handler, ["/a", "/b"], params={"wait": 0.01})
    assert result.outcomes == {"/a": "processed", "/b": "failed"}
    late = run_action(handler, ["/a"], params={"wait": 60.0}, timeout=0.1)
    assert late.error is not None
    assert late.error.error_class == "TimeoutError"


def test_a_task_group_that_is_stopped_is_stopped() -> None:
    async def handler(ctx: Context, paths: list[Path]) -> None:
        async def one(path: Path) -> None:
            await asyncio.sleep(0)
            ctx.stop_if_cancelled()

        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))

    assert run_action(handler, GIVEN, cancelled=lambda: True).state == "Cancelled"


def test_time_limits() -> None:
    def stubborn(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            with ctx.outcome(path):
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    with contextlib.suppress(Exception):
                        time.sleep(60)

    def catches_all(ctx: Context, paths: list[Path]) -> None:
        try:
            time.sleep(60)
        except BaseException:  # noqa: BLE001
            ctx.done(*paths)

    before = signal.getsignal(signal.SIGALRM)
    for handler in (stubborn, catches_all):
        result = run_action(handler, GIVEN, timeout=0.1)
        assert result.error is not None
        assert (result.error.error_class, result.error.message) == ("TimeoutError", "took longer than 0.1 s")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_parameters_are_checked_before_it_runs() -> None:
    ran: list[int] = []

    def handler(ctx: Context, paths: list[Path], *, zoom: int) -> None:
        ran.append(zoom)

    result = run_action(handler, GIVEN, params={"zoom": "3"})
    assert result.error is not None
    assert result.error.error_class == "BadParameters"
    assert "$.zoom" in result.error.message
    assert ran == []


def test_facts() -> None:
    def handler(ctx: Context, paths: list[Path], **_: Any) -> None:
        facts.append((ctx.job, ctx.task, ctx.step, ctx.site, ctx.attempt, dict(ctx.params), ctx.idempotency_key))
        ctx.log.info("seen")
        ctx.done(*paths)

    facts: list[tuple[Any, ...]] = []
    run_action(handler, GIVEN, params={"x": 1}, attempt=1)
    run_action(handler, GIVEN, params={"x": 1}, attempt=2)
    assert facts[0][:6] == (1, 1, 0, "test", 1, {"x": 1})
    assert facts[0][6] == facts[1][6]


def test_a_path_of_another_task_is_refused() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.done(Path(0, b"/a"))

    result = run_action(handler, GIVEN)
    assert result.error is not None
    assert "not a path of this task" in result.error.message


def parcel(tasks: list[TaskOrder], action: str = "act") -> Parcel:
    return Parcel("p", "london", "default", "worker", action, 1, 0, {}, tasks, 0.0)


def test_what_has_not_begun_is_handed_back_when_what_is_before_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ALONE_S", 0.05)
    kept, handed_back = Kept(), threading.Event()

    def act(ctx: Context, paths: list[Path]) -> None:
        if ctx.task == 2:
            assert handed_back.wait(30)
        ctx.done(*paths)

    def hands_back() -> None:
        while Returned(4, 1, "the tasks before it take long") not in kept.items:
            time.sleep(0.01)
        handed_back.set()

    threading.Thread(target=hands_back, daemon=True).start()
    orders = [TaskOrder(task, 1, pack(PathList([b"/a"], "f"))) for task in (1, 2, 3, 4)]
    Runner({"act": make_action(act, "act")}, Roots([]), kept, lambda _: False).run(parcel(orders))
    assert [(type(item), item.task) for item in kept.items] == [
        (Started, 1), (Ended, 1), (Started, 2), (Returned, 3), (Returned, 4), (Ended, 2),
    ]  # fmt: skip


def test_a_parcel_of_many_tasks() -> None:
    def act(ctx: Context, paths: list[Path]) -> None:
        if ctx.task == 2:
            raise ValueError
        ctx.done(*paths)

    kept = Kept()
    batch = pack(PathList([b"/a", b"/b"], "ff", base=b"/"))
    carried = pack_carry(Carry({1: b"/B"}))
    orders = [
        TaskOrder(1, 1, batch, carry=carried),
        TaskOrder(2, 1, batch),
        TaskOrder(3, 4, b"x"),
        TaskOrder(4, 1, batch),
    ]
    Runner({"act": make_action(act, "act")}, Roots([]), kept, lambda _: False).run(parcel(orders))
    assert [(type(i), i.task, i.attempt) for i in kept.items] == [
        (kind, order.task, order.attempt) for order in orders for kind in (Started, Ended)
    ]
    ends = [item for item in kept.items if isinstance(item, Ended)]
    assert [end.error.error_class if end.error else None for end in ends] == [None, "ValueError", "WireError", None]
    assert unpack_carry(ends[0].carry).renamed == {1: b"/B"}


def test_tasks_not_begun_are_handed_back_when_the_job_stops() -> None:
    kept = Kept()
    batch = pack(PathList([b"/a"], "f"))
    Runner({}, Roots([]), kept, lambda job: job == 1).run(parcel([TaskOrder(1, 3, batch)]))
    assert kept.items == [Returned(1, 3, "the job is being stopped")]


def test_an_action_that_is_not_here() -> None:
    kept = Kept()
    batch = pack(PathList([b"/a"], "f"))
    Runner({}, Roots([]), kept, lambda _: False).run(parcel([TaskOrder(1, 1, batch)]))
    end = kept.items[1]
    assert isinstance(end, Ended)
    assert end.error is not None
    assert end.error.error_class == "UnknownAction"


def test_the_example_of_the_documentation(tmp_path: File) -> None:
    def make_tiles(path: str, zoom: int) -> int:
        return len(File(path).read_bytes()) * zoom

    def tile(ctx: Context, paths: list[Path], *, zoom: int = 12) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                path.note(tiles=make_tiles(path.path, zoom))

    good = tmp_path / "good.tif"
    good.write_bytes(b"123")
    result = run_action(tile, [good, tmp_path / "none"], params={"zoom": 2}, roots=[tmp_path])
    assert result.outcomes == {str(good): "processed", str(tmp_path / "none"): "failed"}
    assert result.notes == {str(good): {"tiles": 6}}


def test_who_comes_back_early_when_told_to_stop_has_stopped() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in paths:
            if ctx.cancelled:
                return
            ctx.fail(path, "bad")

    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    result = run_action(handler, GIVEN, cancelled=cancelled)
    assert (result.state, result.ended.stopped, result.ended.failed) == ("Cancelled", True, 2)
    assert result.outcomes == {"/a": "failed", "/b": "failed"}


def test_who_is_told_to_stop_and_has_done_everything_has_not_stopped() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.done(*paths)
        assert ctx.cancelled

    result = run_action(handler, GIVEN, cancelled=lambda: True)
    assert (result.state, result.ended.stopped) == ("Success", False)


def test_who_stops_unasked_has_failed() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        raise Stopped

    result = run_action(handler, GIVEN)
    assert result.state == "Failure"
    assert result.error is not None
    assert result.error.error_class == "Stopped"
