"""What is said to many jobs at once: which, and what is to be done with them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.control import Reason
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.redrive import Left
from orchestrator.contracts.state import State
from orchestrator.domain.kinds import Kind

MOST_JOBS = 1000
"""That one request looks at."""
_Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
_Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Deed(StrEnum):
    """What can be done with many jobs at once."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    REDRIVE = "redrive"
    HOLD = "hold"
    RELEASE = "release"  # what holds the job itself


class JobSelection(BaseModel):
    """Which jobs: those that match one value of every filter that is named."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[list[_Id], Field(max_length=MOST_JOBS)] = []
    state: Annotated[list[State], Field(max_length=100)] = []
    workflow: Annotated[list[_Word], Field(max_length=100)] = []
    site: Annotated[list[_Word], Field(max_length=100)] = []
    owner: Annotated[list[_Word], Field(max_length=100)] = []
    kind: Annotated[list[Kind], Field(max_length=100)] = []
    parent: _Id | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("names nothing: that would be all jobs that there ever were")
        return self


class BulkAsked(BaseModel):
    """What is to be done with which jobs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "action": "pause",
                    "filter": {"workflow": ["copy"], "state": ["Pending", "Started"]},
                    "dry_run": True,
                    "reason": "the disk is nearly full",
                }
            ]
        },
    )

    action: Deed
    filter: JobSelection
    dry_run: Annotated[bool, Field(strict=True)] = False
    """Only say what would be done."""
    reason: Reason | None = None
    """Why; a hold needs one."""
    force: Annotated[bool, Field(strict=True)] = False
    """With cancel: no grace for what runs."""
    until: Moment | None = None
    """With hold: it releases itself then."""
    include: Annotated[list[Left], Field(min_length=1, max_length=10)] = [*Left]
    """With redrive: what of that which did not succeed."""
    limit: Annotated[int, Field(ge=1, le=MOST_JOBS, strict=True)] = MOST_JOBS
    """The most jobs that are looked at; ``next_cursor`` goes on behind them."""
    cursor: Annotated[str, StringConstraints(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _is_said_for_what_it_is(self) -> Self:
        if self.action is Deed.HOLD and not self.reason:
            raise ValueError("a hold needs a reason")
        said = self.model_fields_set
        for name, deed in (("force", Deed.CANCEL), ("until", Deed.HOLD), ("include", Deed.REDRIVE)):
            if name in said and self.action is not deed:
                raise ValueError(f"{name} can be said with {deed} only")
        return self
