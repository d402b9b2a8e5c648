"""A person of the worked example: a key, and a folder of their own to edit in."""

import json
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.map_edits.edits import written
from examples.map_edits.geopackage import Feature
from orchestrator.client import DocumentClient
from orchestrator.errors import Unreachable

PATIENCE_S = 60.0


@dataclass
class Person:
    """Somebody who does what a person would do with edit jobs."""

    name: str
    client: DocumentClient
    desk: Path

    def plan(self, job: dict[str, Any]) -> int:
        """Make an edit job over roads; its number."""
        return self.client.request("POST", "/jobs", {"job_type": "roads", **job})["id"]

    def take(self, job: int) -> dict[int | None, Feature]:
        """Activate and download a job: its roads, by id. In a job that another waits for, what was sent last."""
        self.client.fire(job, "activate")
        self.wait(job, "Prepared")
        folder = self.desk / str(job)
        folder.mkdir(exist_ok=True)
        package = self.client.fetch_package(job, folder)
        if package.suffix == ".zip":
            with zipfile.ZipFile(package) as archive:
                archive.extractall(folder)
        self.client.fire(job, "download")
        edits = folder / "edits"
        return {road["id"]: road for road in _features(edits if edits.exists() else folder / "roads.geojson")}

    def conflicts(self, job: int) -> Iterator[list[Feature]]:
        """This, other and base of every road in conflict."""
        sides: dict[int, list[Feature]] = {}
        for side in _features(self.desk / str(job) / "conflicts.geojson"):
            sides.setdefault(side["id"], []).append(side)
        yield from sides.values()

    def send(self, job: int, roads: Iterable[Feature], until: str, **said: str) -> None:
        """Send what was edited, and wait until the job is so."""
        file = self.desk / f"{job}.geojson"
        file.write_bytes(written(list(roads)))
        self.client.send_edits(job, file)
        self.client.fire(job, "upload", **said)
        self.wait(job, until)

    def child(self, job: int, kind: str) -> int:
        """The newest job of this kind that a job waits for."""
        return next(iter(self.client.jobs(parent=job, kind=kind, limit=1)))["id"]

    def wait(self, job: int, state: str) -> None:
        """Wait until a job is in this state; Unreachable when it does not get there."""
        until = time.monotonic() + PATIENCE_S
        while (now := self.client.job(job))["state"] != state:
            if now["state"] == "Failed" or time.monotonic() > until:
                raise Unreachable(f"job {job} is {now['state']}, and not {state}: {now['reason']}")
            time.sleep(0.1)


def _features(file: Path) -> list[Feature]:
    return json.loads(file.read_bytes())["features"]
