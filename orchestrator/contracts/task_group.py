"""What is said of task groups: their definitions, the jobs made of them, and the tools that are called on these."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.control import Reason
from orchestrator.contracts.dependency import Dependencies
from orchestrator.contracts.extent import Extent
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.users import UserName

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
MOST_TASKS = 200
"""Of one definition."""


class TaskDefinition(BaseModel):
    """One task: for a user or a group of users, or, with a workflow, for the sites."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    label: Text | None = None
    assignee: UserName | None = None
    group: UserName | None = None
    workflow: Text | None = None
    site: Text | None = None
    paths: list[str | dict[str, Any]] | None = Field(None, max_length=100_000)
    fields: dict[str, Any] | None = None
    effort: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False, strict=False)] = 1.0
    """How much of the whole it is; the percent complete goes by it."""
    on_failure: Literal["hold", "fail"] = "hold"
    """Of an automatic task whose workflow fails: wait for a planner, or let the group job fail."""

    @model_validator(mode="after")
    def _is_for_people_or_sites(self) -> Self:
        if self.workflow is None:
            for name in ("site", "paths", "fields", "on_failure"):
                if name in self.model_fields_set:
                    raise ValueError(f"has {name} but no workflow: only an automatic task has")
        else:
            for name in ("site", "paths"):
                if getattr(self, name) is None:
                    raise ValueError(f"has a workflow but no {name}: say where it runs, and over what")
            if self.assignee or self.group:
                raise ValueError("has a workflow, and so is done by nobody: leave out assignee and group")
        return self

    @property
    def run(self) -> dict[str, Any] | None:
        """Of an automatic task: what is submitted when its turn comes."""
        if self.workflow is None:
            return None
        return {"workflow": self.workflow, "site": self.site, "paths": self.paths, "fields": self.fields or {}}


class TaskGroupDefinition(BaseModel):
    """An ordered list of tasks that together finish one piece of work."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "map_sheet",
                    "tasks": [
                        {"name": "collect", "group": "editors", "effort": 5},
                        {"name": "validate", "group": "qa", "effort": 2},
                        {"name": "publish", "workflow": "publish", "site": "london", "paths": ["/data/sheet"]},
                    ],
                }
            ]
        },
    )

    name: Name
    label: Text | None = None
    tasks: Annotated[list[TaskDefinition], Field(min_length=1, max_length=MOST_TASKS)]
    attributes_schema: dict[str, Any] | None = None
    """A JSON Schema that the attributes of its group jobs have to agree with."""


class GroupJobAsked(BaseModel):
    """What POST /jobs takes for a group job."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task_group: Name
    name: Text | None = None
    advance: Literal["auto", "manual"] = "auto"
    extent: Extent | None = None
    attributes: dict[str, Any] = {}
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    due_at: Moment | None = None
    depends_on: Dependencies = []
    """Jobs that have to be at least at a state before anything of this one begins."""


class Said(BaseModel):
    """Why, and what else there is to say; kept in the job's history."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"comment": "all done"}]})

    reason: Reason | None = None
    comment: Reason | None = None


class TaskSaid(Said):
    """The same, with the group job that the task is thought to be of."""

    parent_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class StatusAsked(TaskSaid):
    """The status that a task is to have."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"status": "WORKING", "parent_id": 17}]}
    )

    status: Literal["WORKING", "COMPLETE"]


class InsertAsked(Said):
    """Which tasks are to be done as well, and where in the list."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"task_group": "rework", "at": "next"}]}
    )

    task_group: Name
    at: Literal["next", "start", "end"] | Annotated[int, Field(ge=1, le=2**63 - 1)] = "next"
    """After the current task, at the start, at the end, or before the task with this id."""
