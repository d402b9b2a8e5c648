"""Failpoints: named moments at which a test lets a process die, stand still, be late, or meet an error.

Off unless the environment says so, and then read once, at a program's start (``arm``)::

    ORCHESTRATOR_FAILPOINTS=hub.committed=kill@3,worker.claimed=sleep:2@1,hub.publishing=raise@p0.01

An action is ``kill`` (SIGKILL to itself), ``stop`` (SIGSTOP), ``exit``, ``sleep:SECONDS`` or ``raise``. ``@N``: at the
Nth time that this process comes by; ``@p0.01``: by chance, from ``ORCHESTRATOR_FAILPOINTS_SEED``; neither: always.
What is killed is started again with the same environment: ``/once`` behind it says that it happens once in all.
``ORCHESTRATOR_FAILPOINTS_DIR`` is a folder in which it is noted what processes came by, and what happened to them.
"""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Lock
from typing import NamedTuple

from orchestrator.errors import ConfigError, OrchestratorError

SPEC, SEED, FOLDER = "ORCHESTRATOR_FAILPOINTS", "ORCHESTRATOR_FAILPOINTS_SEED", "ORCHESTRATOR_FAILPOINTS_DIR"

FAILPOINTS: Mapping[str, tuple[str, str]] = {
    "api.submit.uncommitted": ("orchestrator/api/submitter.py", "a job is written, and not committed"),
    "api.submit.committed": ("orchestrator/api/submitter.py", "it is, and nobody has been answered"),
    "api.control.uncommitted": ("orchestrator/api/fired.py", "a pause, resume or cancel is not committed"),
    "api.control.committed": ("orchestrator/api/fired.py", "it is, and nobody has been answered"),
    "api.stream.uncommitted": ("orchestrator/api/intake.py", "some lines of a stream are written, and not committed"),
    "api.stream.committed": ("orchestrator/api/intake.py", "they are, and the stream goes on"),
    "hub.taking_over": ("orchestrator/hub/active.py", "a hub begins where the one before was interrupted"),
    "hub.read": ("orchestrator/hub/active.py", "entries are read, and not applied"),
    "hub.applied": ("orchestrator/hub/active.py", "they are applied, and not committed"),
    "hub.committed": ("orchestrator/hub/active.py", "they are committed, and nothing is sent for them"),
    "hub.handing_out": ("orchestrator/services/dispatch.py", "tasks are handed out, and not committed"),
    "hub.publishing": ("orchestrator/broker/publisher.py", "a parcel is committed, and not published"),
    "hub.published": ("orchestrator/broker/publisher.py", "parcels are published, and that is noted nowhere"),
    "hub.dequeuing": ("orchestrator/services/dequeue.py", "in the middle of a chunk of a cancelled job"),
    "schedule.firing": ("orchestrator/scheduler.py", "a firing and its job are written, and not committed"),
    "schedule.fired": ("orchestrator/scheduler.py", "they are, and the hub goes on"),
    "edit.prepared": ("orchestrator/services/go_on.py", "files of an edit job are ready for a step that is not begun"),
    "edit.uncommitted": ("orchestrator/services/go_on.py", "what follows for an edit job is written, not committed"),
    "prune.deleting": ("orchestrator/services/prune.py", "rows of an ended job are deleted, and not committed"),
    "worker.received": ("workers/receiver.py", "a child has a parcel, and has not claimed it"),
    "worker.won": ("workers/receiver.py", "it has claimed it, and its parent does not know"),
    "worker.claimed": ("workers/receiver.py", "its parent knows, and nothing has begun"),
    "worker.path_done": ("workers/context.py", "a handler has said what became of a path"),
    "worker.handled": ("workers/runner.py", "a handler came back, and its end is not reported"),
    "worker.between_tasks": ("workers/runner.py", "one task of a parcel has ended, and the next has not begun"),
    "worker.reported": ("workers/page.py", "an end is reported, and the parent does not know"),
    "worker.speaking": ("workers/watch.py", "a parent is about to speak for a child that has died"),
    "discovery.claimed": ("workers/walker.py", "a walk is claimed, and has not begun"),
    "discovery.gathered": ("workers/discovery/outlet.py", "paths are found, and not sent"),
    "discovery.sent": ("workers/discovery/outlet.py", "they are sent, and the walk goes on"),
}
"""Every name, with the one file in which it stands and the moment that it is."""


class Failed(OrchestratorError):
    """What ``raise`` raises."""


class Firing(NamedTuple):
    """Something that was made to happen."""

    name: str
    action: str
    pid: int


@dataclass(frozen=True, slots=True)
class _Rule:
    action: str
    seconds: float
    hit: int | None
    chance: float | None
    once: bool


class _Armed:
    """The failpoints of this process, with how often it has come by each."""

    def __init__(self, rules: Mapping[str, list[_Rule]], seed: str, folder: Path | None) -> None:
        self._rules, self._seed, self._folder = rules, seed, folder
        self.begin()

    def begin(self) -> None:
        """Count from the start: this is another process."""
        self._lock = Lock()
        self._hits: Counter[str] = Counter()
        self._chances = {name: Random(f"{self._seed} {name}") for name in self._rules}

    def hit(self, name: str) -> None:
        with self._lock:
            self._hits[name] += 1
            if self._hits[name] == 1 and self._folder:
                (self._folder / f"hit.{name}").touch()
            due = [rule for rule in self._rules.get(name, ()) if self._is_due(name, rule)]
        for rule in due:
            _ACTIONS[rule.action](name, rule.seconds)

    def _is_due(self, name: str, rule: _Rule) -> bool:
        if rule.hit is not None and self._hits[name] != rule.hit:
            return False
        if rule.chance is not None and self._chances[name].random() >= rule.chance:
            return False
        return self._note(name, rule)

    def _note(self, name: str, rule: _Rule) -> bool:
        """Leave a marker; False when it was to happen once, and has."""
        if self._folder is None:
            return True
        if rule.once:
            try:
                (self._folder / f"once.{name}.{rule.action}").touch(exist_ok=False)
            except FileExistsError:
                return False
        (self._folder / f"fired.{name}.{rule.action}.{os.getpid()}").touch()
        return True


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Come by a moment; mostly nothing happens."""
    if _armed is not None:
        _armed.hit(name)


def arm(environment: Mapping[str, str]) -> None:
    """Turn on what the environment says; ConfigError names the variable that can not be meant."""
    global _armed  # noqa: PLW0603 - what is passed by is the process, and not a thing that could be handed around
    folder = Path(environment[FOLDER]) if environment.get(FOLDER) else None
    rules = _read(environment.get(SPEC, ""), noted=folder is not None)
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ConfigError(f"{FOLDER}: {folder} is not a folder that can be written to")
    _armed = _Armed(rules, environment.get(SEED, ""), folder) if rules or folder else None


def hits(folder: Path) -> frozenset[str]:
    """The names that any process with this folder came by."""
    return frozenset(file.name.removeprefix("hit.") for file in folder.glob("hit.*"))


def firings(folder: Path) -> list[Firing]:
    """What was made to happen to processes with this folder."""
    found: list[Firing] = []
    for file in sorted(folder.glob("fired.*")):
        name, action, pid = file.name.removeprefix("fired.").rsplit(".", 2)
        found.append(Firing(name, action, int(pid)))
    return found


_ONE = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<action>kill|stop|exit|raise|sleep(?=:))(:(?P<seconds>\d+(\.\d+)?))?"
    r"(@(?P<hit>[1-9]\d*)|@p(?P<chance>0?\.\d+|1))?(?P<once>/once)?"
)


def _read(spec: str, *, noted: bool) -> dict[str, list[_Rule]]:
    rules: dict[str, list[_Rule]] = {}
    for said in filter(None, (part.strip() for part in spec.split(","))):
        found = _ONE.fullmatch(said)
        if found is None or (found["seconds"] and found["action"] != "sleep"):
            raise ConfigError(f"{SPEC}: {said!r} is not NAME=ACTION[:SECONDS][@N or @pCHANCE][/once]")
        if found["name"] not in FAILPOINTS:
            raise ConfigError(f"{SPEC}: there is no failpoint {found['name']!r} (there are: {', '.join(FAILPOINTS)})")
        if found["once"] and not noted:
            raise ConfigError(f"{SPEC}: {said!r} needs {FOLDER}, where it is noted that it happened")
        rules.setdefault(found["name"], []).append(
            _Rule(
                found["action"],
                float(found["seconds"] or 0),
                int(found["hit"]) if found["hit"] else None,
                float(found["chance"]) if found["chance"] else None,
                bool(found["once"]),
            )
        )
    return rules


def _signal(number: signal.Signals) -> Callable[[str, float], None]:
    return lambda _name, _seconds: os.kill(os.getpid(), number)


def _raise(name: str, _seconds: float) -> None:
    raise Failed(f"failpoint {name}")


_ACTIONS: Mapping[str, Callable[[str, float], None]] = {
    "kill": _signal(signal.SIGKILL),
    "stop": _signal(signal.SIGSTOP),
    "exit": lambda _name, _seconds: os._exit(1),
    "sleep": lambda _name, seconds: time.sleep(seconds),
    "raise": _raise,
}


def _begin_child() -> None:
    if _armed is not None:
        _armed.begin()


os.register_at_fork(after_in_child=_begin_child)
