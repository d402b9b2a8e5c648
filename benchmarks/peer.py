"""The outside of a peer: its program in its environment, with servers of its own, asked for measurements."""

import json
import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import IO, Any

from benchmarks.environment import python_of
from benchmarks.machine import ROOT
from benchmarks.servers import postgres, redis
from orchestrator.errors import OrchestratorError
from orchestrator.stack.lifeline import end_all, marked, marks, tied
from orchestrator.stack.ports import free_port
from orchestrator.stack.program import tail
from orchestrator.stack.scratch import stage


class PeerFailed(Exception):
    """A peer did not do what it was asked; the reason is its own."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One that can be measured beside us."""

    name: str
    """Of its program in ``benchmarks.peers``, and of its requirements."""
    title: str
    servers: Sequence[str]
    """Which it needs: ``redis``, ``postgres``."""
    keeps: str
    """Where it keeps its state."""
    share: float = 1.0
    """Of the items that we are given: the slow ones get few."""


RAW_CELERY = Peer("raw_celery", "raw Celery", ["redis"], "nothing")
PROCRASTINATE = Peer("procrastinate_tasks", "Procrastinate", ["postgres"], "PostgreSQL", share=0.1)
CANVAS = Peer("celery_canvas", "Celery canvas", ["redis", "postgres"], "PostgreSQL", share=0.05)
DBOS = Peer("dbos_workflows", "DBOS", ["postgres"], "PostgreSQL", share=0.025)
PREFECT = Peer("prefect_flow", "Prefect", [], "SQLite", share=0.01)
DAGSTER = Peer("dagster_job", "Dagster", ["postgres"], "PostgreSQL", share=0.005)
PEERS = {peer.name: peer for peer in (RAW_CELERY, PROCRASTINATE, CANVAS, DBOS, PREFECT, DAGSTER)}
SERVERS = {"redis": redis, "postgres": postgres}


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that runs, in a home of its own."""

    peer: Peer
    home: Path
    versions: Mapping[str, str]
    pids: Mapping[str, int]
    questions: IO[str]
    answers: IO[str]

    def ask(self, measure: str, n: int) -> Any:
        """What the peer's program measured; PeerFailed with what it said instead."""
        try:
            self.questions.write(json.dumps({"measure": measure, "n": n}) + "\n")
            self.questions.flush()
        except BrokenPipeError:
            raise _died(self.home) from None
        said = _read(self.answers, self.home)
        if "error" in said:
            raise PeerFailed(said["error"])
        return said["answer"]


@contextmanager
def running(peer: Peer) -> Generator[Running]:
    """The peer at work, with its servers; nothing of it is left afterwards. PeerFailed or NotInstalled if not."""
    python = python_of(peer.name)
    with stage(peer.name) as made, ExitStack() as kept:
        home = made.home
        try:
            servers = {name: kept.enter_context(SERVERS[name](home)) for name in peer.servers}
        except OrchestratorError as error:
            raise PeerFailed(f"no server for it: {error}") from error
        told = {
            "PEER_FOLDER": str(home),
            "PEER_PORT": str(free_port()),
            **{f"PEER_{name.upper()}_URL": one.url for name, one in servers.items()},
        }
        process = kept.enter_context(_launched(peer, python, home, told))
        if process.stdin is None or process.stdout is None:
            raise PeerFailed("its program has no pipes")
        versions = _read(process.stdout, home)["versions"]
        pids = {peer.name: process.pid, **{name: one.pid for name, one in servers.items()}}
        yield Running(peer, home, versions, pids, process.stdin, process.stdout)


@contextmanager
def _launched(peer: Peer, python: Path, home: Path, told: Mapping[str, str]) -> Generator[subprocess.Popen[str]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PYTHON"))}
    with (home / "peer.log").open("wb") as log:
        process = subprocess.Popen(
            tied([str(python), "-P", "-m", f"benchmarks.peers.{peer.name}"], SIGTERM),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=home,
            env={**inherited, "PYTHONPATH": str(ROOT), **told, **marks(str(home.resolve()), peer.name)},
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            # Its own children too, wherever they are: they carry the mark.
            end_all(lambda: marked(str(home.resolve()), peer.name), grace=5.0)


def _read(answers: IO[str], home: Path) -> dict[str, Any]:
    line = answers.readline()
    if not line:
        raise _died(home)
    return json.loads(line)


def _died(home: Path) -> PeerFailed:
    return PeerFailed(f"its program ended: {' / '.join(tail(home / 'peer.log', 3).splitlines())[:300]}")
