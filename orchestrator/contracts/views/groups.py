"""Task groups, the lists of their jobs, and what these took."""

from datetime import datetime

from pydantic import BaseModel, Field

from orchestrator.contracts.task_group import TaskDefinition
from orchestrator.domain.task_group import TaskStatus


class TaskGroup(BaseModel):
    """The definition of a task group."""

    name: str
    label: str | None
    tasks: list[TaskDefinition]
    created_by: str
    created_at: datetime
    updated_at: datetime


class GroupTask(BaseModel):
    """A row of a group job's list."""

    id: int
    order: int = Field(description="from 1")
    task: str
    label: str | None
    task_group: str = Field(description="the definition that it came from")
    status: TaskStatus
    code: int = Field(description="1 Waiting, 2 Ready, 5 Working, 10 Complete, 0 Cancelled")
    job_id: int | None = Field(description="its job, once its turn has come")
    assignee: str | None = Field(description="who has claimed it, or else whom it is assigned to")
    group: str | None
    workflow: str | None = Field(description="of an automatic task")
    run_id: int | None = Field(description="the job that runs it now")
    on_failure: str
    reason: str | None = Field(description="what keeps it, where something does")
    started_at: datetime | None
    started_by: str | None
    ended_at: datetime | None
    ended_by: str | None
    duration_s: float | None = Field(description="from its begin to its end")
    effort: float


class TaskList(BaseModel):
    """The tasks of a group job, in order."""

    items: list[GroupTask]
    current_task: int | None = Field(description="the id of the one whose turn it is")
    percent_complete: float


class NextTask(BaseModel):
    """Whose turn it is now."""

    current_task: int | None = Field(description="its id; null: none is left")


class StageReport(BaseModel):
    """What one stage took: the tasks of one name, of one definition."""

    task_group: str
    task: str
    count: int = Field(description="of complete tasks")
    median_s: float
    total_s: float
    by_person: dict[str, float] = Field(description="seconds, by who was at work; `hub` for workflows")


class PersonReport(BaseModel):
    """What one person's tasks took."""

    person: str
    count: int
    median_s: float
    total_s: float


class DurationReport(BaseModel):
    """How long complete tasks took, by stage and by person."""

    stages: list[StageReport]
    persons: list[PersonReport]
