"""Failpoints: each stands where it is said to, does nothing unless it is asked to, and then what it was asked to."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.contracts import failpoints
from orchestrator.contracts.failpoints import FAILPOINTS, Failed, Firing, arm, failpoint, firings, hits
from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from orchestrator.stack.parts import Installation
from orchestrator.stack.wait import wait_until

ROOT = Path(__file__).parents[3]
NAME = "hub.committed"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm({})


def armed(spec: str, folder: Path | None = None, **more: str) -> dict[str, str]:
    environment = {"ORCHESTRATOR_FAILPOINTS": spec, **more}
    return environment if folder is None else {**environment, "ORCHESTRATOR_FAILPOINTS_DIR": str(folder)}


def run(code: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process that arms itself, and comes by as the code says."""
    start = "import os; from orchestrator.contracts.failpoints import arm, failpoint; arm(os.environ); "
    return subprocess.Popen([sys.executable, "-c", start + code], env={**os.environ, **environment}, cwd=ROOT)


def passes(times: int) -> str:
    """At which of so many times something was raised."""
    seen = ""
    for _ in range(times):
        try:
            failpoint(NAME)
        except Failed:
            seen += "x"
        else:
            seen += "."
    return seen


def used() -> Counter[tuple[str, str]]:
    """(name, file) of every failpoint in the code."""
    found: Counter[tuple[str, str]] = Counter()
    for package in ("orchestrator", "workers"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
                    (argument,) = node.args
                    assert isinstance(argument, ast.Constant), f"{file}:{node.lineno}: a name is written out"
                    found[str(argument.value), str(file.relative_to(ROOT))] += 1
    return found


def test_every_failpoint_stands_once_and_where_it_is_said_to() -> None:
    assert used() == Counter({(name, file): 1 for name, (file, _moment) in FAILPOINTS.items()})


def test_nothing_happens_unless_the_environment_says_so() -> None:
    arm({"HOME": "/", "ORCHESTRATOR_FAILPOINTS": ""})
    assert failpoints._armed is None
    assert passes(3) == "..."


def test_only_the_one_that_is_named() -> None:
    arm(armed("hub.read=raise"))
    assert passes(3) == "..."


@pytest.mark.parametrize(
    ("how", "seen"),
    [("raise", "xxxx"), ("raise@3", "..x."), ("raise@p1", "xxxx"), (f"raise@1,{NAME}=raise@4", "x..x")],
)
def test_which_times(how: str, seen: str) -> None:
    arm(armed(f"{NAME}={how}"))
    assert passes(4) == seen


def test_chance_comes_from_the_seed() -> None:
    runs: list[str] = []
    for seed in ("1", "1", "2"):
        arm(armed(f"{NAME}=raise@p0.5", ORCHESTRATOR_FAILPOINTS_SEED=seed))
        runs.append(passes(64))
    assert runs[0] == runs[1] != runs[2]
    assert 10 < runs[0].count("x") < 54


def test_sleeping_only_takes_time() -> None:
    arm(armed(f"{NAME}=sleep:0.01"))
    assert passes(2) == ".."


@pytest.mark.parametrize(
    ("action", "code"), [("kill", -signal.SIGKILL), ("exit", 1), ("kill@2", -signal.SIGKILL), ("kill@3", 0)]
)
def test_a_process_ends_there_and_leaves_a_note(action: str, code: int, tmp_path: Path) -> None:
    process = run(f"failpoint({NAME!r}); failpoint({NAME!r})", armed(f"{NAME}={action}", tmp_path))
    assert process.wait(30) == code
    fired = [Firing(NAME, action.partition("@")[0], process.pid)] if code else []
    assert firings(tmp_path) == fired
    assert hits(tmp_path) == {NAME}


def test_a_stopped_process_goes_on_when_it_is_told_to(tmp_path: Path) -> None:
    process = run(f"failpoint({NAME!r})", armed(f"{NAME}=stop", tmp_path))
    assert wait_until(lambda: b"State:\tT" in Path(f"/proc/{process.pid}/status").read_bytes(), 30)
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0


def test_once_holds_over_restarts(tmp_path: Path) -> None:
    environment = armed(f"{NAME}=kill/once,{NAME}=exit@2/once", tmp_path)
    codes = [run(f"failpoint({NAME!r}); failpoint({NAME!r})", environment).wait(30) for _ in range(3)]
    assert codes == [-signal.SIGKILL, 1, 0]
    assert [firing.action for firing in firings(tmp_path)] == ["exit", "kill"]


def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    code = f"failpoint({NAME!r}); pid = os.fork(); failpoint({NAME!r}); os._exit(os.waitpid(pid, 0)[1] if pid else 0)"
    assert run(code, armed(f"{NAME}=kill@3", tmp_path)).wait(30) == 0
    assert firings(tmp_path) == []
    assert run(code, armed(f"{NAME}=kill@2", tmp_path)).wait(30) == -signal.SIGKILL, "the parent's second"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("hub.comitted=kill", "there is no failpoint 'hub.comitted'"),
        ("hub.committed", "'hub.committed' is not NAME=ACTION"),
        ("hub.committed=explode", "is not NAME=ACTION"),
        ("hub.committed=sleep", "is not NAME=ACTION"),
        ("hub.committed=kill:3", "is not NAME=ACTION"),
        ("hub.committed=kill@0", "is not NAME=ACTION"),
        ("hub.committed=kill@p1.5", "is not NAME=ACTION"),
        ("hub.committed=kill/once", "needs ORCHESTRATOR_FAILPOINTS_DIR"),
    ],
)
def test_what_can_not_be_meant_is_refused(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match="ORCHESTRATOR_FAILPOINTS") as refused:
        arm(armed(spec))
    assert said in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ORCHESTRATOR_FAILPOINTS_DIR"):
        arm(armed("", tmp_path / "none"))


def test_the_programs_of_a_stack_are_given_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = armed(f"{NAME}=kill/once", tmp_path, ORCHESTRATOR_FAILPOINTS_SEED="1")
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    here = Installation(tmp_path, "postgresql://", "redis://", b"secret", {})
    for program in (here.hub(), here.api(1), here.pool("london", tmp_path / "site.toml", Function.WORKER)):
        assert said.items() <= program.environment.items(), program.name
