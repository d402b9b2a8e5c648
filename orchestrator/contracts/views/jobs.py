"""Jobs, and what belongs to them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from orchestrator.contracts.state import State
from orchestrator.contracts.views.holds import Hold
from orchestrator.contracts.views.logs import TaskProgress
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.edit_job import Mode
from orchestrator.domain.edit_steps import Stage
from orchestrator.domain.kinds import Kind
from orchestrator.domain.task import TaskState


class TaskCounts(BaseModel):
    """How many tasks are in each state."""

    Pending: int = 0
    Started: int = 0
    Success: int = 0
    Error: int = 0
    Failure: int = 0
    Skipped: int = 0
    Cancelled: int = 0


class Step(TaskCounts):
    """One step of the chain of one rule, and how many of its tasks are in each state."""

    rule: int = Field(description="its place in the workflow, 0-based")
    step: int = Field(description="its place in the chain, 0-based")
    action: str
    label: str | None
    site: str | None = Field(description="null: people do it")
    queue: str | None = Field(description="null: people do it")
    function: str = Field(description="`people` where they do it")
    group: str | None = Field(description="whose people do it; null: every worker, or a site does it")


class PathCounts(BaseModel):
    """Each path once: `processed` when it has come through its whole chain, else where it stopped."""

    total: int = 0
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    aborted: int = 0
    cancelled: int = 0
    unmatched: int = Field(default=0, description="took no rule; not in total")


class Discovery(BaseModel):
    """How far finding the paths is."""

    state: DiscoveryState
    found: int = Field(description="paths so far, with those that no rule took")
    cursor: str | None = Field(None, description="of a stream: how many lines are kept, which is where to go on")


class Streamed(BaseModel):
    """How much of a stream is kept."""

    job_id: int
    lines: int = Field(description="so many in all; the `offset` at which to go on")
    closed: bool


class Progress(BaseModel):
    """How far the work is, in paths."""

    done: int
    total: int
    total_is_final: bool = Field(description="false while discovery may still find more")
    percent: float
    rate_per_s: float = Field(description="paths done in a second, on average since the start")
    eta: datetime | None = Field(description="when it will be done at this rate; null while that can not be told")


class DependsOn(BaseModel):
    """Another job that this one waits for."""

    job: int
    state: State | Literal["end"] = Field(description="what it has to have come to, at least")
    met: bool | None = Field(description="false: it has ended otherwise, and holds the job; null: not yet")


class Failure(BaseModel):
    """Something that a correction or a conflict is there for."""

    path: str | None = Field(description="U+FFFD stands for what is not UTF-8; null: it is no matter of one path")
    path_b64: str | None = None
    step: int | None = Field(default=None, description="of the chain that found it")
    message: str | None = None


class Job(BaseModel):
    """A job of any kind: a run of a workflow over paths, a group of tasks, one task for a person, data to be edited."""

    id: int = Field(examples=[17])
    kind: Kind = Field(examples=["batch"])
    workflow: str | None = Field(examples=["verify_and_copy"])
    workflow_version: int | None
    parent_id: int | None
    name: str | None
    state: State = Field(examples=["Started"], description="a word of its kind's machine")
    reason: str | None
    site: str | None = Field(examples=["london"])
    queue: str = Field(examples=["default"])
    priority: int = Field(examples=[5])
    owner: str = Field(examples=["admin"])
    fields: dict[str, Any] = Field(examples=[{"algorithm": "sha256"}])
    created_at: datetime
    not_before: datetime | None
    deadline: datetime | None
    dry_run: bool = Field(description="nothing of it is run: `GET /jobs/{id}/forecast` says what would be")
    redrive_of: int | None = Field(description="the job of which this one takes over what did not succeed")
    started_at: datetime | None
    ended_at: datetime | None
    discovery: Discovery
    tasks: TaskCounts
    paths: PathCounts
    steps: list[Step]
    progress: Progress
    assignee: str | None = Field(description="who has claimed it, or else whom it is assigned to")
    group: str | None = Field(description="its members may claim it")
    claimed_by: str | None
    due_at: datetime | None
    overdue: bool = Field(description="it should have been done by now")
    extent: dict[str, Any] | None = Field(description="where, as GeoJSON")
    attributes: dict[str, Any]
    task_group: str | None = Field(description="of a group job: the definition that it was made of")
    advance: str | None = Field(description="of a group job: `auto`, or `manual`: every tool is called by somebody")
    job_type: str | None = Field(description="of an edit job; this and what follows also of the jobs that it waits for")
    job_type_version: int | None
    mode: Mode | None
    quarantine: bool | None = Field(description="what is uploaded is looked at before it is merged")
    stage: Stage | None = Field(description="what the system is at; null: it is somebody else's turn")
    step_job_id: int | None = Field(description="the job that is this step: no other's ending counts")
    planned_start: datetime | None
    start_overdue: bool = Field(description="it should have been activated by now")
    time_spent_s: float | None = Field(description="as its workers say it")
    failures: list[Failure] | None = Field(description="of a correction, conflict or review: what it is about")
    decision: str | None = Field(description="of a review")
    holds: list[Hold] = Field(description="the open ones that stop some of it")
    max_running: int | None = Field(default=None, description="at most so many of its tasks run at once")
    depends_on: list[DependsOn] = Field(description="jobs before which it may not begin")
    legal_events: list[str] = Field(description="the events that the caller may fire in this state")
    receipt: dict[str, int] | None = Field(
        description="of a cancelled job: how many of its tasks were waiting, queued and running when it was asked for, "
        "and how many of the running ones were stopped or finished anyway"
    )


class Snapshot(BaseModel):
    """A job at one moment, as live events tell it."""

    model_config = ConfigDict(serialize_by_alias=True)

    seq: int
    state: State
    from_: State | None = Field(
        default=None, validation_alias=AliasChoices("from", "from_"), serialization_alias="from"
    )
    tasks: TaskCounts
    paths: PathCounts
    progress: Progress


class HistoryEntry(BaseModel):
    """Something that happened to a job."""

    model_config = ConfigDict(serialize_by_alias=True)

    seq: int
    at: datetime
    actor: str
    event: str
    from_: State | None = Field(
        default=None, validation_alias=AliasChoices("from", "from_"), serialization_alias="from"
    )
    to: State | None
    reason: str | None
    comment: str | None


class Outcome(StrEnum):
    """What became of a path."""

    PROCESSED = "processed"
    SKIPPED = "skipped"
    FAILED = "failed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"


class PathOutcome(BaseModel):
    """One path and what became of it."""

    path: str = Field(description="U+FFFD stands for what is not UTF-8; then path_b64 has the bytes")
    path_b64: str | None = None
    step: int | None = Field(description="where it stopped; null: in discovery")
    outcome: Outcome
    message: str | None


class TaskPaths(BaseModel):
    """How many paths a task was given, and what became of them."""

    given: int
    processed: int
    skipped: int
    failed: int
    aborted: int


class TaskError(BaseModel):
    """An unexpected error, as its worker told it."""

    model_config = ConfigDict(extra="allow")

    error_class: str = ""
    message: str = ""
    traceback: str = ""


class Task(BaseModel):
    """One step of a chain over one batch of paths."""

    id: int
    job_id: int
    batch_id: int
    rule: int
    step: int
    action: str
    site: str | None = Field(description="null: people do it")
    queue: str | None = Field(description="null: people do it")
    group: str | None = Field(description="whose people do it; null: every worker, or a site does it")
    state: TaskState
    attempt: int
    tries: int
    crashes: int
    paths: TaskPaths
    error: TaskError | None
    progress: TaskProgress | None = Field(
        default=None, description="how far it says it is, if its action does, while it runs"
    )
    worker: str | None
    created_at: datetime
    dispatched_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
