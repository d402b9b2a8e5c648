"""Runs over what has changed in a folder: a real walker, a real hub, and tasks that end as a test says."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from orchestrator.contracts import names
from orchestrator.contracts.parcel import Parcel, WalkOrder
from orchestrator.contracts.paths import bitmap, indices, unpack
from orchestrator.contracts.report import Problem
from orchestrator.contracts.seal import seal
from orchestrator.services.define import create
from tests.integration.hub.conftest import World
from workers.runtime import Runtime
from workers.site import RootEntry, SiteFile
from workers.store_entry import StoreEntry
from workers.walker import walk

Told = dict[str, str]
"""Path below the root -> what is told of it: ``created``, ``moved from x`` and so on."""


class Changing:
    """A folder, or the first of some stores, and the runs that look for changes in it."""

    def __init__(
        self, world: World, root: Path, state: Path, url: str, stores: Sequence[StoreEntry] = (), **workflow: Any
    ) -> None:
        self.world, self.root = world, root
        self.url = stores[0].url if stores else None
        site = SiteFile(
            name="london",
            redis_url=SecretStr(url),
            key=SecretStr(world.london.key.hex()),
            roots=[RootEntry(path=root)],
            stores=list(stores),
            queues={"default": {names.Function.DISCOVERY: 1}},
            state=state,
        )
        self.runtime = Runtime(site, world.london.key, "london.discovery@host", "default", "discovery")
        rules = [{"type": "all", "action": [{"name": "noop"}]}]
        with world.engine.begin() as tx:
            definition = {"name": "work", "discovery": "changes", "filter_rules": rules} | workflow
            create(tx, definition, "tester")
        self.jobs: list[int] = []

    @property
    def start(self) -> str:
        """Where it looks."""
        return self.url or str(self.root)

    def submit(self, **more: Any) -> int:
        """Begin a run."""
        self.jobs.append(self.world.submit([self.start], **more))
        self.world.turn()
        return self.jobs[-1]

    def walk(self, order: WalkOrder | None = None) -> None:
        """Carry out the order that the hub has given."""
        due = order or self.world.london.walk()
        walk(self.runtime, seal(self.world.london.key, due), f"discovery.{due.method}")

    def work(self, outcome: Callable[[str], str] = lambda _: "processed") -> Told:
        """Do what there is to do; what was told, and each path comes to the outcome that is asked for it."""
        told: Told = {}
        for _ in range(100):
            self.world.turn()
            if not self.world.london.waiting():
                if self.state() in ("Success", "Failure"):
                    break
                continue
            parcel = self.world.london.parcel()
            if parcel.job == self.jobs[-1]:  # else one that was taken back
                told |= self.end(parcel, outcome)
        return told

    def end(self, parcel: Parcel, outcome: Callable[[str], str]) -> Told:
        """Say what a parcel's tasks have come to."""
        told: Told = {}
        self.world.london.start(parcel)
        for order in parcel.tasks:
            batch = unpack(order.paths)
            given = list(indices(order.given, len(batch)))
            found = {i: self._below(batch.paths[i]) for i in given}
            ends = {i: outcome(name) for i, name in found.items()}
            for i, name in found.items():
                came_from = batch.moved_from[i] if batch.moved_from else None
                moved = f" from {self._below(came_from)}" if came_from else ""
                told[name] = f"{batch.states[i]}{moved}"
            problems = [Problem(i, end, batch.paths[i], "no", "X") for i, end in ends.items() if end != "processed"]
            passed = bitmap([i for i in given if ends[i] == "processed"], len(batch))
            self.world.london.finish(
                msgspec.structs.replace(parcel, tasks=[order]),
                len(given),
                **{end: list(ends.values()).count(end) for end in ("processed", "skipped", "failed", "aborted")},
                passed=passed,
                problems=problems,
            )
        return told

    def _below(self, path: bytes) -> str:
        return os.path.relpath(os.fsdecode(path), self.start)

    def run(self, outcome: Callable[[str], str] = lambda _: "processed", **more: Any) -> Told:
        """A whole run; what it told."""
        self.submit(**more)
        self.walk()
        return self.work(outcome)

    def state(self) -> str:
        """Of the last run."""
        return self.world.state(self.jobs[-1])

    def write(self, files: Mapping[str, str] | Collection[str]) -> None:
        """Make files, with the folders they are in; what is in each is its name unless it is said."""
        for name in files:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name] if isinstance(files, Mapping) else name)
