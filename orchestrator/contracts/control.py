"""What is said when a job is paused, resumed or cancelled, or a site enabled, disabled or drained."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from orchestrator.contracts.names import Function

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Reason = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


class Asked(BaseModel):
    """Why, for the history or the audit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the disk is nearly full"}]})

    reason: Reason | None = None


class ActionAsked(BaseModel):
    """What most events may be told; which take more, and which need it, is said where they are described."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "done but for the harbour"}]})

    reason: Reason | None = None
    comment: Reason | None = None


class SiteAsked(Asked):
    """Why, and which part of the site is meant, when not all of it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"queue": "bulk", "reason": "the tape library is serviced"}]}
    )

    queue: QueueName | None = Field(None, description="only this queue")
    function: Function | None = Field(None, description="only this function; with `queue`: only this pool")


class CancelAsked(Asked):
    """Why, and whether what runs is killed at once."""

    force: bool = Field(False, strict=True, description="no grace for what runs")
