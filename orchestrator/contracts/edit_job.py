"""What is said of edit jobs: when one is made, when events are fired at it, and when many are archived."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.control import Reason
from orchestrator.contracts.dependency import Dependencies
from orchestrator.contracts.extent import Extent
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.task_group import Said, Text
from orchestrator.contracts.users import UserName
from orchestrator.contracts.workflow import Duration, Name

MOST_ARCHIVED = 1000
"""Jobs that are archived by one request."""


class Whose(Said):
    """Whose a job is to be: a user's, or a group's of which anyone may claim it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"group": "editors"}]})

    assignee: UserName | None = None
    group: UserName | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.assignee is not None and self.group is not None:
            raise ValueError("has assignee and group: a job is given to one of the two")
        return self


class EditJobAsked(BaseModel):
    """What POST /jobs takes for an edit job."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"job_type": "road_edits", "name": "ring road", "group": "editors", "allocate": True}]
        },
    )

    job_type: Name
    name: Text
    assignee: UserName | None = None
    group: UserName | None = None
    allocate: bool = False
    """At once; else it is Proposed, and in nobody's worklist."""
    extent: Extent | None = None
    attributes: dict[str, Any] = {}
    quarantine: bool = False
    """What is uploaded is looked at before it is merged, also where its type does not say so."""
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    planned_start: Moment | None = None
    due_at: Moment | None = None
    """When it should be done; nothing happens by itself then."""
    depends_on: Dependencies = []
    """Jobs that have to be at least at a state before anything of this one begins."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.assignee is not None and self.group is not None:
            raise ValueError("has assignee and group: a job is given to one of the two")
        if self.allocate and self.assignee is None and self.group is None:
            raise ValueError("is to be allocated, and to nobody: name an assignee or a group")
        if self.planned_start and self.due_at and self.due_at < self.planned_start:
            raise ValueError("its due_at is before its planned_start")
        return self


class UploadSaid(Said):
    """What a worker says of what they upload."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"comment": "new roundabout", "time_spent": "2h"}]}
    )

    time_spent: Duration | None = None


class Reasoned(Said):
    """Why; it has to be said."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "the survey is wrong"}]}
    )

    reason: Annotated[Reason, StringConstraints(min_length=1)]  # type: ignore[assignment]


class ArchiveAsked(BaseModel):
    """Which jobs are to be archived: these, or the oldest of those that have ended before a moment."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"ended_before": "2030-01-31T22:00:00Z"}]}
    )

    jobs: (
        Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(min_length=1, max_length=MOST_ARCHIVED)] | None
    ) = None
    ended_before: Moment | None = None
    job_type: Name | None = None
    """With `ended_before`: only jobs of this type."""
    reason: Reason | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.jobs is None) == (self.ended_before is None):
            raise ValueError("needs either jobs or ended_before")
        if self.jobs is not None and self.job_type is not None:
            raise ValueError("has jobs and job_type: a type is for those that have ended before a moment")
        return self
