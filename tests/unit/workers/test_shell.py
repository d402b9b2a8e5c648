"""shell.run: arguments arrive as they are, nothing is interpreted, and nothing is left running."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path as File
from typing import Any

import pytest

from orchestrator.stack.wait import wait_until
from tests.unit.workers.files import HOSTILE, LONGEST, read, run, write
from workers.allowed import Allowed, ShellAllowed
from workers.testing import Result

SHOW = """#!/usr/bin/env python3
import os, sys
os.write(1, b"|".join(map(os.fsencode, sys.argv[1:])) + b"\\n")
os.write(2, b"said " + os.fsencode(os.environ.get("ORCHESTRATOR_JOB", "")))
sys.exit(3 if any(part.endswith("/bad") for part in sys.argv) else 0)
"""


@pytest.fixture
def root(tmp_path: File) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root + b"/src")
    return root


@pytest.fixture
def show(tmp_path: File) -> str:
    """A program that shows what it is given."""
    program = tmp_path / "show me"
    program.write_text(SHOW.replace("/usr/bin/env python3", sys.executable))
    program.chmod(0o700)
    return str(program)


@pytest.fixture
def hostile(root: bytes) -> list[bytes]:
    return [write(root + b"/src/" + name, b"ours") for name in (*HOSTILE, LONGEST)]


def shell(root: bytes, paths: list[bytes], argv: list[str], *programs: str, **more: Any) -> Result:
    options = {key: more.pop(key) for key in ("kinds", "cancelled", "timeout", "attempt") if key in more}
    allowed = Allowed(shell=ShellAllowed(programs=list(programs or ["*"])))
    return run("shell.run", paths, root, params={"argv": argv, **more}, allowed=allowed, **options)


def test_a_path_is_one_argument_whatever_it_is_called(root: bytes, hostile: list[bytes], show: str) -> None:
    result = shell(root, hostile, [show, "--", "{path}", "$(reboot); `id` *", "{}"], show)
    assert result.messages == {}
    for path in hostile:
        noted = result.notes[os.fsdecode(path)]
        assert noted["exit_code"] == 0
        assert noted["stderr"] == "said 1"
        shown = b"|".join([b"--", path, b"$(reboot); `id` *", b"{}"]).decode(errors="replace") + "\n"
        assert noted["stdout"] == shown[-len(noted["stdout"]) :]
        assert len(noted["stdout"].encode()) <= 500


def test_an_exit_code_fails_its_path_alone(root: bytes, show: str) -> None:
    paths = [write(root + b"/src/" + name, b"") for name in (b"a", b"bad", b"z")]
    result = shell(root, paths, [show, "{path}"])
    assert list(result.outcomes.values()) == ["processed", "failed", "processed"]
    assert next(iter(result.messages.values())) == "exit code 3: said 1"
    assert result.ended.problems[0].error_class == "ExitCode"
    assert shell(root, paths, [show, "{path}"], ok=[0, 3]).notes[os.fsdecode(paths[1])]["exit_code"] == 3


def test_many_paths_at_once_and_no_more_than_a_line_holds(root: bytes, tmp_path: File) -> None:
    counter = tmp_path / "count"
    counter.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'lines')!r}, 'a').write(f'{{len(sys.argv)}}\\n')"
    )
    counter.chmod(0o700)
    paths = [write(root + b"/src/" + b"n" * 200 + b"%d" % number, b"") for number in range(1000)]
    result = shell(root, paths, [str(counter), "-x", "{paths}"])
    assert result.state == "Success"
    assert result.notes[os.fsdecode(paths[0])] == {"exit_code": 0}
    lines = [int(line) - 2 for line in (tmp_path / "lines").read_text().splitlines()]
    assert sum(lines) == 1000
    assert 1 < len(lines) < 10
    broken = shell(root, paths[:3], ["false", "{paths}"])
    assert set(broken.messages.values()) == {"exit code 1"}


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["show"], "{path} (a run for each)"),
        (["show", "--in={path}"], "argv[1]: {path} and {paths} have to be whole arguments"),
        (["show", "{path}", "{paths}"], "{path} (a run for each)"),
        (["{path}"], "{path} (a run for each)"),
        (["nothing-of-this-name", "{path}"], "there is no program 'nothing-of-this-name'"),
        (["/bin/sh", "{path}"], "does not allow /bin/sh"),
        (["/bin/../bin/true", "{path}"], "does not allow /bin/../bin/true"),
        (["./true", "{path}"], "does not allow ./true"),
        (["sh", "{path}"], "does not allow"),
    ],
)
def test_what_is_not_run(root: bytes, hostile: list[bytes], argv: list[str], reason: str) -> None:
    true = str(shutil.which("true"))
    result = shell(root, hostile, argv, true, "/bin/true")
    assert result.error is not None
    assert reason in result.error.message


def test_it_is_off_unless_the_site_says_otherwise(root: bytes, hostile: list[bytes]) -> None:
    result = run("shell.run", hostile, root, params={"argv": ["true", "{path}"]})
    assert result.error is not None
    assert "does not allow" in result.error.message


def test_only_paths_in_the_roots_are_given_to_it(root: bytes, show: str, tmp_path: File) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    os.symlink(outside, root + b"/src/out")
    paths = [os.fsencode(outside), root + b"/src/out", root + b"/src/gone", b"-rf"]
    for argv in ([show, "{path}"], [show, "{paths}"]):
        result = shell(root, paths, argv, kinds="ffff")
        assert list(result.outcomes.values()) == ["failed", "failed", "aborted", "failed"]


def test_the_workers_own_variables_are_not_told(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SITE_KEY", "a-canary")
    path = write(root + b"/src/f", b"")
    result = shell(root, [path], ["python3", "-c", "import os; print(dict(os.environ))", "{path}"], output_bytes=1500)
    noted = result.notes[os.fsdecode(path)]["stdout"]
    assert "a-canary" not in noted
    assert "'ORCHESTRATOR_SITE': 'test'" in noted


def test_output_is_bounded_and_always_text(root: bytes) -> None:
    path = write(root + b"/src/f", b"")
    code = "import os; [os.write(1, b'\\0\\xff' * 50000) for _ in range(20)]; os.write(1, b'the end')"
    result = shell(root, [path], ["python3", "-c", code, "{path}"], output_bytes=1500)
    noted = result.notes[os.fsdecode(path)]["stdout"]
    assert noted.endswith("the end")
    assert len(noted.encode()) <= 1500
    assert result.state == "Success"
    silent = shell(root, [path], ["python3", "-c", code, "{path}"], output_bytes=0)
    assert silent.notes[os.fsdecode(path)] == {"exit_code": 0}


WITH_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def all_gone(path: bytes) -> bool:
    pids = [int(pid) for pid in read(path).split()]
    return len(pids) == 2 and not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = File(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def test_what_takes_too_long_is_ended_with_all_that_it_started(root: bytes) -> None:
    paths = [write(root + b"/src/f", b""), write(root + b"/src/g", b"")]
    begun = time.monotonic()
    result = shell(root, paths, ["python3", "-c", WITH_CHILD, "{path}"], seconds=1)
    assert list(result.messages.values()) == ["took longer than 1 s"] * 2
    assert result.ended.problems[0].error_class == "TimeoutError"
    assert time.monotonic() - begun < 30
    assert wait_until(lambda: all(all_gone(path) for path in paths), 10)


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_a_task_that_stops_ends_what_it_runs(root: bytes, how: str) -> None:
    path = write(root + b"/src/f", b"")
    stop: dict[str, Any] = {"cancelled": lambda: bool(read(path))} if how == "cancelled" else {"timeout": 1.0}
    result = shell(root, [path], ["python3", "-c", WITH_CHILD, "{path}"], **stop)
    assert result.state == ("Cancelled" if how == "cancelled" else "Failure")
    assert result.ended.processed == 0
    assert wait_until(lambda: all_gone(path), 10)


KILLED = """
import sys
from workers.allowed import Allowed, ShellAllowed
from workers.testing import run_action
allowed = Allowed(shell=ShellAllowed(programs=["*"]))
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
argv = ["python3", "-c", code, "{path}"]
run_action("shell.run", [sys.argv[1]], params={"argv": argv}, roots=[sys.argv[2]], allowed=allowed)
"""


def test_a_worker_that_is_killed_leaves_no_program_behind(root: bytes) -> None:
    path = write(root + b"/src/f", b"")
    worker = subprocess.Popen([sys.executable, "-c", KILLED, path, root])
    try:
        assert wait_until(lambda: bool(read(path)), 30)
        program = int(read(path))
        assert alive(program)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert wait_until(lambda: not alive(program), 10)


def test_a_signal_that_ended_it_is_told(root: bytes) -> None:
    path = write(root + b"/src/f", b"")
    result = shell(root, [path], ["python3", "-c", "import os; os.kill(os.getpid(), 11)", "{path}"])
    assert list(result.messages.values()) == ["was ended by SIGSEGV"]
    no_program = write(root + b"/src/text", b"no program")
    os.chmod(no_program, 0o700)
    broken = shell(root, [path], [os.fsdecode(no_program), "{path}"])
    assert "can not be run: Exec format error" in next(iter(broken.messages.values()))
