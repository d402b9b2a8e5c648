"""An edit job to put through faults."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.acceptance.whole_stack import Document, make_files
from tests.faults.stack import SITE, Stack

STAGES = {
    "extract": "extracting", "validate": "validating", "reconcile": "reconciling", "commit": "committing",
    "publish": "publishing", "cleanup": "cleaning",
}  # fmt: skip
STEPS = tuple(STAGES)


@dataclass
class Edit:
    """An edit job of which each step is a task over a file of its own, and takes a while."""

    stack: Stack
    notes: Path
    seconds: float
    name: str = field(default_factory=lambda: f"edits_{uuid4().hex[:8]}")
    job: int = 0

    def begin(self) -> None:
        http, folder = self.stack.whole.http, self.stack.whole.folder()
        note = {"name": "fault.note", "notes": str(self.notes), "seconds": self.seconds}
        workflow = self.stack.whole.define(note, discovery=None)
        files = make_files(folder, [f"{step}.txt" for step in STEPS])
        steps = {
            step: {"workflow": workflow, "site": SITE, "paths": [str(file)]}
            for step, file in zip(STEPS, files, strict=True)
        }
        body = {"name": self.name, "publish": True, "steps": steps}
        assert http.post("/job-types", json=body).is_success
        body = {"job_type": self.name, "name": "ring road", "assignee": "admin", "allocate": True}
        self.job = http.post("/jobs", json=body).raise_for_status().json()["id"]

    def fire(self, event: str) -> None:
        self.stack.whole.http.post(f"/jobs/{self.job}/actions/{event}").raise_for_status()

    def seen(self) -> Document:
        return self.stack.whole.job(self.job)

    def is_at(self, step: str) -> bool:
        """Whether the task of this step runs."""
        return self.stack.record.says(
            "select exists (select from edit_jobs e join tasks t on t.job_id = e.step_job_id"
            " where e.job_id = :job and e.stage = :stage and t.state = 'Started')",
            job=self.job,
            stage=STAGES[step],
        )

    def runs(self) -> list[Document]:
        return self.stack.whole.items("/jobs", parent=self.job)[::-1]

    def ran(self) -> Counter[str]:
        """How often the task of each step ran."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return Counter(Path(line.split(" ", 4)[4]).stem for line in lines)
