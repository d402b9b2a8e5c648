"""A Redis and a PostgreSQL for a peer: the same servers that our own stack brings, on private ports."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Unreachable
from orchestrator.stack.postgres import prepare_postgres
from orchestrator.stack.program import Program, launch, tail
from orchestrator.stack.redis import prepare_redis
from orchestrator.stack.wait import wait_until

FORGETFUL: Mapping[str, str] = {"appendonly": "no"}
"""Redis at its fastest, and so in none of ours: a broker that loses everything when it is killed."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    url: str
    pid: int


@contextmanager
def redis(home: Path) -> Generator[Server]:
    """A Redis that persists nothing."""
    server = prepare_redis(home, home / "redis.log", FORGETFUL)
    with _served(server.program(), server.answers, home) as pid:
        yield Server(server.url, pid)


@contextmanager
def postgres(home: Path) -> Generator[Server]:
    """A PostgreSQL set as ours is, durable; the address is that of an empty database."""
    server = prepare_postgres(home, home / "postgres.log")
    with _served(server.program(), server.answers, home) as pid:
        yield Server(server.url, pid)


@contextmanager
def _served(program: Program, answers: Callable[[], bool], home: Path) -> Generator[int]:
    process = launch(program, str(home.resolve()))
    try:
        if not wait_until(lambda: process.poll() is not None or answers(), 60) or process.poll() is not None:
            raise Unreachable(f"{program.name} did not start: {tail(program.log)}")
        yield process.pid
    finally:
        process.send_signal(program.hurry)
        process.wait(program.patience)
