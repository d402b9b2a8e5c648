"""The supervisor with real processes: what dies comes back, what ends leaves nothing, also after ``kill -9``."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from orchestrator.stack.home import is_released
from orchestrator.stack.lifeline import inside, is_alive, marked
from orchestrator.stack.ports import Access
from orchestrator.stack.wait import wait_until

pytestmark = pytest.mark.timeout(120)

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def stack(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A small stack that is ready."""
    process = _start(home)
    yield process
    process.kill()
    process.communicate()


def _start(home: Path, *code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.small_stack", str(home), *code],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if line == "ready\n":
            return process
    process.communicate()
    raise AssertionError(f"not ready: {seen}")


def _pids(home: Path) -> dict[str, int]:
    return json.loads((home / "processes.json").read_text())


def _left(home: Path) -> list[int]:
    """Whatever still runs of the stack in this home; backends of PostgreSQL lose their mark, but not their folder."""
    return [*marked(str(home.resolve())), *inside(home / "postgres" / "data"), *inside(home / "redis")]


def _postgres(home: Path) -> str:
    access = Access(**json.loads((home / "postgres.json").read_text()))
    return f"postgresql://orchestrator:{access.password}@127.0.0.1:{access.port}/orchestrator"


def _redis(home: Path) -> redis.Redis:
    access = Access(**json.loads((home / "redis.json").read_text()))
    return redis.Redis(port=access.port, password=access.password)


def test_kill_9_leaves_no_process(stack: subprocess.Popen[str], home: Path) -> None:
    assert len(_left(home)) >= 5
    stack.kill()
    assert wait_until(lambda: not _left(home), 10), "something outlived the stack"
    assert wait_until(lambda: is_released(home), 2)


def test_kill_9_of_the_stack_and_its_lifeline_ends_what_we_started(stack: subprocess.Popen[str], home: Path) -> None:
    pids = _pids(home)
    watchers = [pid for pid in inside(Path("/")) if str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(watchers) == 1
    os.kill(watchers[0], signal.SIGKILL)
    stack.kill()
    assert wait_until(lambda: not any(map(is_alive, pids.values())), 10), "the kernel's tie did not hold"


def test_it_starts_again_on_the_same_addresses_after_kill_9(stack: subprocess.Popen[str], home: Path) -> None:
    before = _postgres(home)
    with psycopg.connect(before, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with _redis(home) as broker:
        broker.set("kept", "42")
    stack.kill()
    # At once: what is left of the first is still ending, and its process ids are on file.
    again = _start(home)
    try:
        assert _postgres(home) == before
        with psycopg.connect(before) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        with _redis(home) as broker:
            assert broker.get("kept") == b"42"
    finally:
        again.terminate()
        assert again.wait(20) == 0
        again.communicate()


def test_what_dies_is_started_again_and_its_children_are_not_left(stack: subprocess.Popen[str], home: Path) -> None:
    before, children = _pids(home), list(marked(str(home.resolve()), "pool"))
    assert len(children) == 3
    for name in before:
        os.kill(before[name], signal.SIGKILL)
    assert wait_until(
        lambda: set(_pids(home)) == set(before) and not set(_pids(home).values()) & set(before.values()), 10
    )
    assert not any(map(is_alive, children))

    def serves() -> bool:
        try:
            with psycopg.connect(_postgres(home)) as connection, _redis(home) as broker:
                return connection.execute("SELECT 1").fetchone() == (1,) and bool(broker.ping())
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    assert wait_until(serves, 20), "PostgreSQL and Redis did not come back on their ports"


def test_sigterm_stops_everything_in_order(stack: subprocess.Popen[str], home: Path) -> None:
    stack.terminate()
    assert stack.wait(20) == 0
    assert _left(home) == []
    assert is_released(home)
    assert _pids(home) == {}
    assert "database system is shut down" in (home / "logs" / "postgres.log").read_text()


def test_a_second_stack_in_the_home_is_refused(stack: subprocess.Popen[str], home: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.small_stack", str(home)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode != 0
    assert f"in use by process {stack.pid}" in second.stderr
    assert len(_left(home)) >= 5, "the first was harmed"


def test_what_can_not_start_ends_it_with_the_reason(home: Path) -> None:
    flop = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.small_stack", str(home), "raise SystemExit('no such luck')"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "Unreachable: pool does not start: no such luck" in flop.stderr
    assert flop.stdout.count("pool ended with exit code 1; it is started again") == 3
    assert not _left(home)
    assert is_released(home)


def test_a_second_signal_makes_haste(home: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('child child', flush=True); time.sleep(600)"
    )
    stack = _start(home, stubborn)
    stack.terminate()

    def is_gone() -> bool:
        stack.terminate()
        return stack.poll() is not None

    assert wait_until(is_gone, 9, pause=0.3), "it waited for the whole patience"
    stack.communicate()
    assert stack.returncode == 0
    assert not _left(home)


def test_no_secret_is_in_a_command_or_a_log(stack: subprocess.Popen[str], home: Path) -> None:
    secrets = [json.loads((home / name).read_text())["password"].encode() for name in ("postgres.json", "redis.json")]
    for pid in [stack.pid, *_left(home)]:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(secret in command for secret in secrets), command
    for log in (home / "logs").iterdir():
        assert not any(secret in log.read_bytes() for secret in secrets), log
    for name in ("postgres.json", "redis.json", "redis/redis.conf", "processes.json"):
        assert (home / name).stat().st_mode & 0o077 == 0, name
