"""A running stack as a monkey sees it: its processes, its database, its broker and its API."""

import json
import os
import signal
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import psutil
from redis import Redis
from sqlalchemy import Engine

from orchestrator.broker.connection import connect
from orchestrator.client import DocumentClient
from orchestrator.stack.lifeline import marked, send
from orchestrator.stack.profile import read_profile
from orchestrator.storage.database import make_engine

T = TypeVar("T")


class NotNow(Exception):
    """There is nothing there to do it to; another time."""


@dataclass(frozen=True, slots=True)
class Target:
    """One stack, in the home that it runs in."""

    home: Path
    client: DocumentClient
    redis: Redis
    engine: Engine

    def part(self, random: Random, fits: Callable[[str], bool]) -> str:
        """One of the running programs whose name fits, by chance; NotNow when there is none."""
        return _one(random, sorted(name for name in self._pids() if fits(name)))

    def kill(self, part: str) -> None:
        """Kill -9 of a program; NotNow when it is dead already."""
        _kill(self._pid(part))

    def kill_child(self, random: Random, part: str) -> None:
        """Kill -9 of one of a program's child processes."""
        try:
            children = psutil.Process(self._pid(part)).children()
        except psutil.NoSuchProcess:
            raise NotNow from None
        _kill(_one(random, sorted(child.pid for child in children)))

    def freeze(self, part: str) -> Callable[[], None]:
        """SIGSTOP to a program and all its children; what lets them go on again."""
        frozen = list(marked(str(self.home.resolve()), part))
        if not frozen:
            raise NotNow
        send(signal.SIGSTOP, iter(frozen))
        return lambda: send(signal.SIGCONT, iter(frozen))

    def _pid(self, part: str) -> int:
        if (pid := self._pids().get(part)) is None:
            raise NotNow
        return pid

    def _pids(self) -> dict[str, int]:
        """The processes that run, by the names of their programs; one that is being started again is left out."""
        return json.loads((self.home / "processes.json").read_text())


def _one(random: Random, among: Iterable[T]) -> T:
    there = list(among)
    if not there:
        raise NotNow
    return random.choice(there)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        raise NotNow from None


@contextmanager
def opened(home: Path) -> Generator[Target]:
    """The stack that runs in this home, by its profile."""
    profile = read_profile(home)
    engine = make_engine(profile.database_url, pool_size=2)
    try:
        with DocumentClient(profile.url, profile.key) as client, connect(profile.redis_url) as redis:
            yield Target(home, client, redis, engine)
    finally:
        engine.dispose()
