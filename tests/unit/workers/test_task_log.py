"""What a task says of itself while it runs: its log, and how far it is."""

import asyncio
import logging
import threading
from pathlib import Path as File

import pytest

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import LogLine
from tests.unit.workers.kept import Kept
from workers import Context, Path
from workers.registry import make_action
from workers.roots import Roots
from workers.runner import Runner
from workers.task_log import MOST_BYTES, TaskLog, listen, stop_listening
from workers.testing import run_action


def said(result: object) -> list[tuple[int, str, bytes | None]]:
    return [(line.level, line.message, line.path) for line in result.log]  # type: ignore[attr-defined]


def test_what_is_logged_is_kept_with_level_and_path() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.log.info("beginning with %d", len(paths))
        for path in ctx.each(paths):
            with ctx.outcome(path):
                ctx.log.warning("odd: 100%")
                ctx.log.debug("not that much is told")
                logging.getLogger("some.library").error("from %s", "afar")
        ctx.log.info("of another", path=paths[0])

    result = run_action(handler, ["/a", b"/b\xff"])
    assert said(result) == [
        (20, "beginning with 2", None),
        (30, "odd: 100%", b"/a"),
        (40, "from afar", b"/a"),
        (30, "odd: 100%", b"/b\xff"),
        (40, "from afar", b"/b\xff"),
        (20, "of another", b"/a"),
    ]
    assert [line.logger for line in result.log[1:3]] == ["orchestrator.action.handler", "some.library"]
    assert {(line.task, line.attempt) for line in result.log} == {(1, 1)}


def test_other_threads_and_coroutines_are_heard_too() -> None:
    async def handler(ctx: Context, paths: list[Path]) -> None:
        async def one(path: Path) -> None:
            await asyncio.sleep(0)
            ctx.log.info("async", path=path)
            ctx.done(path)

        await asyncio.gather(*(one(path) for path in paths))
        thread = threading.Thread(target=lambda: logging.getLogger("lib").info("thread"))
        thread.start()
        thread.join()

    assert [line.message for line in run_action(handler, ["/a", "/b"]).log] == ["async", "async", "thread"]


def test_tasks_side_by_side_have_each_their_own() -> None:
    both = threading.Barrier(2, timeout=20)

    def handler(ctx: Context, paths: list[Path]) -> None:
        both.wait()
        logging.getLogger("lib").info("of %s", paths[0].path)
        asyncio.run(later(ctx, paths[0]))
        both.wait()

    async def later(ctx: Context, path: Path) -> None:
        await asyncio.to_thread(logging.getLogger("lib").info, "in a thread of %s", path.path)
        ctx.done(path)

    logs: dict[str, list[str]] = {}

    def run(name: str) -> None:
        task, kept = TaskOrder(1, 1, pack(PathList([name.encode()]))), Kept()
        parcel = Parcel(name, "s", "default", "worker", "it", 1, 0, {}, [task], 0.0)
        Runner({"it": make_action(handler, "it")}, Roots([]), kept, lambda _: False).run(parcel)
        logs[name] = [said.message for said in kept.said if isinstance(said, LogLine)]

    root = logging.getLogger()
    before = root.level
    listen()
    root.setLevel(logging.INFO)
    try:
        threads = [threading.Thread(target=run, args=(name,)) for name in ("/a", "/b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        root.setLevel(before)
        stop_listening()
    assert logs == {name: [f"of {name}", f"in a thread of {name}"] for name in ("/a", "/b")}


def test_an_exception_has_its_traceback() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        try:
            raise KeyError("lost")
        except KeyError:
            ctx.log.exception("it went wrong")
        ctx.done(*paths)

    (line,) = run_action(handler, ["/a"]).log
    assert line.message.startswith("it went wrong\nTraceback (most recent call last):\n")
    assert line.message.endswith("KeyError: 'lost'")


def test_a_worker_does_not_log_about_itself_there() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for name in ("workers.reporter", "celery.worker", "kombu.x", "redis", "orchestrator.contracts"):
            logging.getLogger(name).warning("about the worker")
        raise RuntimeError("which the runner logs")

    assert run_action(handler, ["/a"]).log == []


def test_a_log_is_bounded_and_says_what_is_left_out() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for number in range(20_000):
            ctx.log.info("line %05d", number)
        ctx.done(*paths)

    lines = run_action(handler, ["/a"]).log
    assert sum(len(line.message) for line in lines) < MOST_BYTES
    (cut,) = [place for place, line in enumerate(lines) if "left out" in line.message]
    numbers = [int(line.message.split()[1]) for line in lines if line.message.startswith("line")]
    assert numbers[:cut] == list(range(cut)), "the first ones"
    assert numbers[-100:] == list(range(19_900, 20_000)), "and the last"
    assert lines[cut].message == f"{20_000 - len(numbers)} lines are left out here: a task's log has at most 64 KiB"


def test_one_line_is_bounded_and_can_be_stored() -> None:
    lines: list[LogLine] = []
    log = TaskLog(1, 1, lines.append)
    for message in ("x" * 1_000_000, "a\0b \udcff"):
        log.add(logging.makeLogRecord({"name": "lib", "msg": message}), None)
    log.close()
    assert [len(line.message) for line in lines] == [8000, 13]
    assert lines[1].message == "a\\x00b \\udcff"


def test_how_far_it_is_is_told_about_once_a_second() -> None:
    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                for step in range(1000):
                    ctx.progress(step / 1000, "reading")
                ctx.progress(7)
                with pytest.raises(ValueError, match="not a number"):
                    ctx.progress(float("nan"))

    first, *_ = progress = run_action(handler, ["/a"]).progress
    assert (first.share, first.note, first.path) == (0.0, "reading", b"/a")
    assert len(progress) < 10


def test_one_that_says_nothing_sends_nothing(tmp_path: File) -> None:
    result = run_action("noop", [tmp_path])
    assert (result.log, result.progress) == ([], [])


def test_nothing_is_heard_when_no_task_runs() -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    run_action("noop", ["/a"])
    assert root.handlers == before, "and who tests goes on as before"
