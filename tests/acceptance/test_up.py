"""``orchestrator up`` as a person uses it: from any folder, twice at once, stopped, killed, in the background."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis

from orchestrator.stack.home import is_released
from orchestrator.stack.lifeline import inside, is_alive, marked
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until

pytestmark = pytest.mark.timeout(120)

POOLS = {"london.worker", "london.discovery", "paris.worker", "paris.discovery"}
QUICK = ("--no-flower", "--site", "oslo")
"""As little as there can be."""
ACTION = """
from workers import action

@action("mine.nothing")
def nothing(ctx, paths):
    for path in ctx.each(paths):
        with ctx.outcome(path):
            pass
"""


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-P", "-m", "orchestrator.cli.main", *map(str, arguments)]


def _up(home: Path, *arguments: object, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start it in the foreground; returns once it says ``ready``, with what it said before."""
    process = subprocess.Popen(
        _command("up", "--home", home, "--port", free_port(), *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        if line.startswith("ready"):
            return process, said
        said += line
    process.communicate()
    raise AssertionError(said)


def _run(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def _json(file: Path) -> dict[str, str]:
    return json.loads(file.read_text())


def _pids(home: Path) -> dict[str, int]:
    return json.loads((home / "processes.json").read_text())


def _left(home: Path) -> list[int]:
    return [*marked(str(home.resolve())), *inside(home / "postgres" / "data"), *inside(home / "redis")]


def _ask(home: Path, path: str) -> httpx.Response:
    profile = _json(home / "profile.json")
    return httpx.get(profile["url"] + path, headers={"Authorization": f"Bearer {profile['key']}"}, timeout=10)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder to start from, with a module of actions in it."""
    (tmp_path / "my_actions.py").write_text(ACTION)
    return tmp_path


@pytest.fixture
def stack(home: Path, elsewhere: Path) -> Iterator[subprocess.Popen[str]]:
    """A whole one that is ready, started from another folder."""
    arguments = ("--flower-port", free_port(), "--actions", "my_actions", "--concurrency", 1)
    process, _ = _up(home, *arguments, folder=elsewhere)
    yield process
    process.kill()
    process.communicate()


def test_up_from_ready_to_stopped(stack: subprocess.Popen[str], home: Path, elsewhere: Path) -> None:
    _check_what_it_writes(home)
    _check_that_it_answers(home, elsewhere)
    _check_that_it_keeps_secrets(stack, home)
    _check_that_a_second_is_refused(stack, home)
    stack.send_signal(signal.SIGINT)
    out, _ = stack.communicate(timeout=40)
    assert stack.returncode == 0, out
    assert _left(home) == []
    assert is_released(home)
    assert _pids(home) == {}


def _check_what_it_writes(home: Path) -> None:
    assert set(_pids(home)) == {"postgres", "redis", "hub", "api", "flower", *POOLS}
    assert all(map(is_alive, _pids(home).values()))
    assert set(_json(home / "profile.json")) == {"url", "key", "flower_url", "database_url", "redis_url"}
    secret = ["profile.json", "processes.json", "secret", "postgres.json", "redis.json", "redis/redis.conf"]
    secret += [f"workers/london/{name}" for name in ("site.toml", "site.key", "redis.url")]
    assert [name for name in secret if (home / name).stat().st_mode & 0o077] == []


def _check_that_it_answers(home: Path, folder: Path) -> None:
    assert _ask(home, "/health/ready").status_code == 200
    listed = {site["name"]: site for site in _ask(home, "/api/v1/sites").json()["items"]}
    assert set(listed) == {"london", "paris"}
    assert "mine.nothing" in json.dumps(listed["paris"])
    flower = _json(home / "profile.json")["flower_url"]
    assert httpx.get(f"{flower}/api/workers", timeout=20).status_code == 200
    assert httpx.get(f"http://{flower.partition('@')[2]}/api/workers", timeout=20).status_code == 401
    listening = {
        connection.laddr.ip
        for pid in _left(home)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def _check_that_it_keeps_secrets(stack: subprocess.Popen[str], home: Path) -> None:
    profile = _json(home / "profile.json")
    secrets = [
        profile["key"],
        *(profile[name].split("@")[0].rpartition(":")[2] for name in profile if name != "key" and "@" in profile[name]),
    ]
    secrets += [(home / "secret").read_text().strip(), (home / "workers/london/site.key").read_text().strip()]
    assert len(secrets) == 6
    for pid in [stack.pid, *_left(home)]:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        assert not any(secret in command for secret in secrets), command
    for log in (home / "logs").iterdir():
        assert not any(secret in log.read_text(errors="replace") for secret in secrets), log


def _check_that_a_second_is_refused(stack: subprocess.Popen[str], home: Path) -> None:
    same_home = _run("up", "--home", home, "--port", free_port(), "--no-flower")
    assert same_home.returncode != 0
    assert f"in use by process {stack.pid}" in same_home.stderr
    port = _json(home / "profile.json")["url"].rpartition(":")[2]
    same_port = _run("up", "--home", home / "other", "--port", port, "--no-flower")
    assert same_port.returncode != 0
    assert f"port {port} is taken" in same_port.stderr
    assert "--port" in same_port.stderr
    assert all(map(is_alive, _pids(home).values())), "the first was harmed"


def test_kill_9_leaves_nothing_and_it_goes_on_where_it_was(stack: subprocess.Popen[str], home: Path) -> None:
    before = _json(home / "profile.json")
    children = psutil.Process(_pids(home)["london.worker"]).children(recursive=True)
    assert children, "no pool"
    stack.kill()
    assert wait_until(lambda: not _left(home), 10), "something outlived it"
    assert not any(is_alive(child.pid) for child in children)
    again, _ = _up(home, *QUICK, folder=home)
    after = _json(home / "profile.json")
    assert {name for name in before if before[name] != after[name]} == {"url", "flower_url"}
    assert _ask(home, "/health/ready").status_code == 200
    again.terminate()
    out, _ = again.communicate(timeout=40)
    assert again.returncode == 0, out


def test_what_is_killed_comes_back(stack: subprocess.Popen[str], home: Path) -> None:
    before = _pids(home)
    pool = psutil.Process(before["paris.worker"]).children(recursive=True)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        now = _pids(home)
        try:
            return (
                set(now) == set(before)
                and not set(now.values()) & set(before.values())
                and _ask(home, "/health/ready").is_success
            )
        except httpx.HTTPError:
            return False

    assert wait_until(is_back, 60)
    assert not any(is_alive(child.pid) for child in pool)
    assert stack.poll() is None


def test_two_at_once_in_the_background(home: Path, tmp_path: Path) -> None:
    for name in ("celery", "redis", "orchestrator", "workers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the module that is meant')")
    homes = [home / "one", home / "two"]
    starts = [_command("up", "--home", each, "--port", free_port(), *QUICK, "--detach") for each in homes]
    for told in _at_once(starts, tmp_path):
        assert "ready" in told
    try:
        assert all(_ask(each, "/health/ready").status_code == 200 for each in homes)
        assert _run("down", "--home", homes[0]).returncode == 0
        assert not _left(homes[0])
        assert _ask(homes[1], "/health/ready").status_code == 200
    finally:
        told = _at_once([_command("down", "--home", each) for each in homes], tmp_path)
    assert told == [f"nothing runs in {homes[0]}\n", f"stopped what ran in {homes[1]}\n"]
    assert not _left(homes[1])


def _at_once(commands: list[list[str]], folder: Path) -> list[str]:
    """Run them side by side; what each says, when none fails."""
    running = [
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    told = [process.communicate(timeout=100)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), told
    return told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--root", "nowhere"), "nowhere: there is no such folder"),
        (("--site", "Oslo Fjord"), "--site 'Oslo Fjord'"),
        (("--site", "oslo", "--site", "oslo"), "--site oslo is given twice"),
    ],
)
def test_a_choice_that_can_not_work_is_refused(home: Path, arguments: tuple[str, ...], told: str) -> None:
    done = _run("up", "--home", home, "--no-flower", *arguments)
    assert done.returncode != 0
    assert told in done.stderr
    assert not _left(home)


def test_servers_elsewhere_are_used_and_left_alone(
    home: Path, tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", database_url)
    monkeypatch.setenv("ORCHESTRATOR_REDIS_URL", redis_url)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')")
    process, said = _up(home, *QUICK, "--actions", "broken", folder=tmp_path)
    assert set(_pids(home)) == {"hub", "api", "oslo.worker", "oslo.discovery"}
    profile = _json(home / "profile.json")
    assert (profile["database_url"], profile["redis_url"]) == (database_url, redis_url)
    process.terminate()
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 0, out
    assert "not loaded at oslo: module broken: RuntimeError: no such luck" in said
    with psycopg.connect(database_url) as connection, redis.Redis.from_url(redis_url) as broker:
        assert connection.execute("SELECT name FROM sites").fetchall() == [("oslo",)]
        assert broker.ping()


@pytest.mark.parametrize("missing", ["ORCHESTRATOR_DATABASE_URL", "ORCHESTRATOR_REDIS_URL"])
def test_a_server_elsewhere_that_is_not_there_is_said(
    missing: str, home: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", database_url)
    monkeypatch.setenv("ORCHESTRATOR_REDIS_URL", redis_url)
    scheme = {"ORCHESTRATOR_DATABASE_URL": "postgresql", "ORCHESTRATOR_REDIS_URL": "redis"}[missing]
    monkeypatch.setenv(missing, f"{scheme}://me:hidden@127.0.0.1:{free_port()}/0")
    done = _run("up", "--home", home, "--port", free_port(), *QUICK)
    assert done.returncode == 3
    assert missing in done.stderr
    assert "hidden" not in done.stderr + done.stdout
    assert not _left(home)
