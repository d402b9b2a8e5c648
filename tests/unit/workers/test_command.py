"""Programs that an action runs: bounded in time and output, and ended with all that they have started."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import psutil
import pytest

from orchestrator.stack.wait import wait_until
from workers import CommandFailed, CommandTimeout, Context, Path
from workers.leftovers import end_leftovers, marks
from workers.testing import Result, run_action

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-ISsc", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""
"""A program with a child that does not listen to SIGTERM."""


def running(command: list[Any], **options: Any) -> Result:
    """An action that runs this for its one path."""

    def handler(ctx: Context, paths: list[Path]) -> None:
        for path in ctx.each(paths):
            with ctx.outcome(path):
                ran = ctx.run(command, **options)
                path.note(code=ran.code, out=ran.text, error=ran.stderr.decode())

    return run_action(handler, ["/x"])


def test_what_it_writes_is_kept() -> None:
    code = "import sys; print(sys.stdin.read(), sys.argv[1]); print('oh', file=sys.stderr)"
    result = running([sys.executable, "-ISsc", code, "$(x) `y`; *"], input=b"given")
    assert result.notes == {"/x": {"code": 0, "out": "given $(x) `y`; *\n", "error": "oh\n"}}


def test_one_that_fails_fails_its_path() -> None:
    code = "import sys; print('first\\nlast', file=sys.stderr); sys.exit(3)"
    result = running([sys.executable, "-ISsc", code])
    name = os.path.basename(sys.executable)
    assert result.messages == {"/x": f"{name} ended with exit code 3: last"}
    assert result.ended.problems[0].error_class == CommandFailed.__name__
    assert running([sys.executable, "-ISsc", code], check=False).notes["/x"]["code"] == 3
    assert running(["/no/such/program"]).messages == {"/x": "No such file or directory: /no/such/program"}


def test_of_much_that_is_written_the_end_is_kept() -> None:
    code = "import sys; sys.stdout.write('x' * 10_000_000 + 'the end')"
    assert running([sys.executable, "-ISsc", code], output_bytes=10).notes["/x"]["out"] == "xxxthe end"


def test_it_is_not_told_what_is_the_workers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SITE_KEY", "a secret")
    monkeypatch.setenv("CELERY_BROKER_URL", "another secret")
    monkeypatch.setenv("OF_THE_SITE", "for everybody")
    said = running(["env"], env={"MORE": "given"}).notes["/x"]["out"]
    assert "secret" not in said
    assert "OF_THE_SITE=for everybody\n" in said
    assert "MORE=given\n" in said


@pytest.mark.parametrize("command", ["ls -l", b"ls", []])
def test_what_is_no_list_of_arguments_is_refused(command: Any) -> None:
    assert "never given to a shell" in running(command).messages["/x"]


def ended_with_its_family(run: Callable[[list[str]], Result], tmp_path: File) -> Result:
    """Run the program with a child; what became of the task, when neither lives any more."""
    note = tmp_path / "pid"
    result = run([sys.executable, "-ISsc", FAMILY, str(note)])
    child = int(note.read_text())
    assert wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 10)
    return result


def test_when_its_time_is_over_it_ends_with_its_children(tmp_path: File) -> None:
    result = ended_with_its_family(lambda command: running(command, timeout=1.0), tmp_path)
    (message,) = result.messages.values()
    assert message.endswith("took longer than 1 s and was ended")
    assert result.ended.problems[0].error_class == CommandTimeout.__name__


def test_when_the_job_is_cancelled_it_ends_with_its_children(tmp_path: File) -> None:
    def handler(ctx: Context, paths: list[Path], *, command: list[str]) -> None:
        ctx.run(command)

    def cancelled(command: list[str]) -> Result:
        begun = (tmp_path / "pid").exists
        return run_action(handler, ["/x"], params={"command": command}, cancelled=begun)

    assert ended_with_its_family(cancelled, tmp_path).state == "Cancelled"


def test_when_the_time_of_the_task_is_over_it_ends_with_its_children(tmp_path: File) -> None:
    def handler(ctx: Context, paths: list[Path], *, command: list[str]) -> None:
        ctx.run(command)

    began = time.monotonic()
    result = ended_with_its_family(
        lambda command: run_action(handler, ["/x"], params={"command": command}, timeout=1.0), tmp_path
    )
    assert result.ended.late
    assert time.monotonic() - began < 30


SLOW_TO_LEAVE = """
import signal, sys, time
def leave(*_):
    time.sleep(1.2)
    open(sys.argv[1], "w").write("in good order")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
open(sys.argv[2], "w")
time.sleep(600)
"""


def test_the_time_of_the_task_leaves_it_time_to_end(tmp_path: File) -> None:
    """Two seconds, although a handler is told each second that its time is over."""
    note, begun = tmp_path / "note", tmp_path / "begun"

    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.run([sys.executable, "-ISsc", SLOW_TO_LEAVE, str(note), str(begun)])

    assert run_action(handler, ["/x"], timeout=3.0).ended.late
    assert begun.exists()
    assert note.read_text() == "in good order"


def test_whenever_the_time_of_the_task_is_over_no_program_is_left() -> None:
    """Also when that is while the program is being started."""

    def handler(ctx: Context, paths: list[Path]) -> None:
        ctx.run(["sleep", "600"])

    others = {child.pid for child in psutil.Process().children()}
    for tenths in range(1, 100, 2):
        assert run_action(handler, ["/x"], timeout=tenths / 10_000).ended.late
    left = [child for child in psutil.Process().children() if child.pid not in others]
    for program in left:
        program.kill()
    assert left == []


def test_the_time_of_the_task_is_over_in_threads_of_the_handler_too(tmp_path: File) -> None:
    async def handler(ctx: Context, paths: list[Path], *, command: list[str]) -> None:
        await asyncio.to_thread(ctx.run, command)

    result = ended_with_its_family(
        lambda command: run_action(handler, ["/x"], params={"command": command}, timeout=2.0), tmp_path
    )
    assert result.ended.late


def test_what_a_killed_process_left_behind_is_found_by_its_mark(tmp_path: File) -> None:
    with psutil.Popen([sys.executable, "-ISsc", FAMILY, str(tmp_path / "pid")], env=marks()) as program:
        assert wait_until((tmp_path / "pid").exists, 10)
        assert end_leftovers(os.getppid(), os.getpid() + 1) == 0
        assert end_leftovers(os.getpid()) == 0
        assert end_leftovers(os.getppid(), os.getpid()) >= 2
        assert program.wait(10) == -9
