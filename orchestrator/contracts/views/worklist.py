"""What waits for people: items of worklists, and the tasks of manual steps with their paths."""

from datetime import datetime

from pydantic import BaseModel, Field

from orchestrator.contracts.state import State
from orchestrator.contracts.views.jobs import Outcome, Task
from orchestrator.domain.kinds import Kind


class WorklistItem(BaseModel):
    """A job, or a task of a manual step in one, that waits for a person."""

    job_id: int
    task_id: int | None = Field(description="of a manual step; null: the job itself")
    kind: Kind = Field(description="of the job")
    name: str | None = Field(description="of the job; of a manual step its label, or its name")
    workflow: str | None
    state: State
    priority: int
    due_at: datetime | None
    overdue: bool
    planned_start: datetime | None = Field(description="of an edit job")
    start_overdue: bool = Field(description="it should have been activated by now")
    group: str | None
    assignee: str | None = Field(description="who has it, or whom it is assigned to")
    claim_until: datetime | None = Field(description="when what is claimed goes back to the others")
    paths: int | None = Field(description="of a manual step: how many are still to be decided")
    held: bool = Field(description="something holds the job, or it waits for another: nothing can be done with it")
    legal_events: list[str] = Field(description="what the caller may do with it now, for `orchestrator do`")


class Asked(BaseModel):
    """Who is asked about a task that waits for people."""

    group: str | None = Field(description="null: every worker")
    since: datetime
    due_at: datetime | None = Field(description="when the default of its step is taken")
    claimed_by: str | None
    claimed_at: datetime | None
    claim_until: datetime | None
    legal_events: list[str] = Field(description="what the caller may do with it now")


class ManualTask(Task):
    """A task, and who is asked about it."""

    asked: Asked | None = Field(description="null: it does not wait for people, or does no longer")


class TaskPath(BaseModel):
    """A path that a task was given."""

    index: int = Field(description="its place in the batch: by it, answers name it")
    path: str = Field(description="U+FFFD stands for what is not UTF-8; then path_b64 has the bytes")
    path_b64: str | None = None
    outcome: Outcome | None = Field(
        description="processed (accepted), failed (rejected), skipped or aborted; null: open"
    )
    message: str | None


class TaskEvent(BaseModel):
    """Something that people did with a task."""

    seq: int
    at: datetime
    actor: str
    event: str
    attempt: int
    paths: int | None = Field(description="how many it is about")
    comment: str | None


class Decided(BaseModel):
    """What one request has decided in a job."""

    tasks: int
    paths: int
    next: int | None = Field(description="more is waiting: ask again, with this as `after`")
