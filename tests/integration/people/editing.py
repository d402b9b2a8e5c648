"""Edit jobs on a hub: a type whose steps are workflows, and a site that says how each of them ends."""

from dataclasses import dataclass
from typing import Any

from orchestrator.contracts.report import Problem, TaskError
from tests.integration.hub.conftest import World
from tests.integration.people.conftest import Document, People, Somebody

STEPS = ("extract", "edit", "validate", "reconcile", "commit", "publish", "cleanup")
GOOD: Document = {"processed": 2}
JUDGED: Document = {
    "processed": 1,
    "failed": 1,
    "passed": b"\x01",
    "problems": [Problem(1, "failed", b"b", "crosses itself", "Rule")],
}
BROKE: Document = {"error": TaskError("OSError", "the disk is gone")}
FIELDS = [
    *({"name": name, "type": "int"} for name in ("job", "parent", "resolve")),
    *({"name": name, "type": "string"} for name in ("name", "colour")),
    *({"name": name, "type": "json"} for name in ("extent", "attributes", "failures")),
    {"name": "workspace", "type": "path"},
]


@dataclass
class Desk:
    """A planner, a hub, and the people who edit."""

    world: World
    people: People
    planner: Somebody

    def define(self, *steps: str, name: str = "roads", **more: Any) -> None:
        """A type with these steps, each a run of one workflow over two paths."""
        if not self.world.all("select from workflows"):
            self.world.define([{"name": "noop"}], discovery=None, fields=FIELDS)
        step = {"workflow": "work", "site": "london", "paths": ["a", "b"], "fields": {"colour": "red"}}
        if "edit" in steps:
            more["mode"] = "batch"
        if "publish" in steps:
            more["publish"] = True
        self.planner.do("/job-types", name=name, steps=dict.fromkeys(steps, step), **more)

    def new(self, **more: Any) -> int:
        """An edit job that waits for one of the editors."""
        body: Document = {"job_type": "roads", "name": "ring road", "group": "editors", "allocate": True} | more
        return self.planner.do("/jobs", **body)["id"]

    def editor(self, name: str = "ed") -> Somebody:
        return self.people(name, groups=("editors",))

    def turn(self, times: int = 4) -> None:
        self.world.turn(times)

    def ran(self, said: Document = GOOD) -> Document:
        """The step that has begun comes to its end, as it is said; the job that it was."""
        self.turn()
        parcel = self.world.london.parcel()
        self.world.london.finish(parcel, 2, **said)
        self.turn()
        return self.planner.see(f"/jobs/{parcel.job}")

    def fire(self, who: Somebody, job: int, *events: str, **said: Any) -> Document:
        """Fire events one after the other, and let the system go on after each; the job as it then is."""
        for event in events:
            who.do(f"/jobs/{job}/actions/{event}", **said)
            self.turn()
        return self.see(job)

    def see(self, job: int) -> Document:
        return self.planner.see(f"/jobs/{job}")

    def state(self, job: int) -> tuple[str, str | None]:
        """State and stage."""
        seen = self.see(job)
        return seen["state"], seen["stage"]

    def children(self, job: int, kind: str) -> list[Document]:
        """The jobs of a kind that it waits for, or has waited for, the newest last."""
        return self.planner.see(f"/jobs?parent={job}&kind={kind}")["items"][::-1]

    def walked(self, job: int) -> list[str]:
        """The states that it has been in."""
        return [to for _, _, to in self.planner.history(job) if to is not None]

    def send_edits(self, job: int, content: bytes = b"{}") -> None:
        """Put edits into its workspace, as the API does when they have come in whole."""
        folder = next((self.world.workspaces / str(job)).iterdir())
        (folder / "edits").write_bytes(content)

    def edits(self, job: int) -> bytes:
        folder = next((self.world.workspaces / str(job)).iterdir())
        return (folder / "edits").read_bytes()

    def has_workspace(self, job: int) -> bool:
        return (self.world.workspaces / str(job)).exists()
