"""What of a job can be changed."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.contracts.control import Reason
from orchestrator.contracts.dependency import Dependencies
from orchestrator.contracts.extent import Extent
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.users import UserName
from orchestrator.contracts.workflow import AtOnce

Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class JobChange(BaseModel):
    """What of a job is to be otherwise; what is left out stays, and null takes away."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"priority": 8, "due_at": "2030-01-31T22:00:00Z"}]}
    )

    name: Title | None = None
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    due_at: Moment | None = None
    planned_start: Moment | None = None
    """Of an edit job."""
    extent: Extent | None = None
    attributes: dict[str, Any] = {}
    """All of them, as they are to be."""
    assignee: UserName | None = None
    group: UserName | None = None
    depends_on: Dependencies = []
    """All of them; only until the job has begun."""
    max_running: AtOnce | None = None
    """At most so many of its tasks run at once, from the hub's next turn on."""
    comment: Reason | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"comment"}:
            raise ValueError("changes nothing")
        return self
