"""What is said when a job is redriven: what of it is to be done again."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from orchestrator.contracts.control import Asked
from orchestrator.domain.chain import MAX_STEPS


class Left(StrEnum):
    """How a path was left without a good end."""

    FAILURE = "Failure"  # its task ended Failure, or the discovery that should have gone on was Broken
    ERROR = "Error"  # it failed, or was gone, in a task that had a result; or discovery could not handle it
    CANCELLED = "Cancelled"  # the job was cancelled before it had come through


class RedriveAsked(Asked):
    """Which of what did not succeed; everything, where nothing is said."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"include": ["Failure", "Error"], "steps": [1]}]}
    )

    include: Annotated[list[Left], Field(min_length=1, max_length=10)] = [*Left]  # noqa: RUF012 - Pydantic copies it
    steps: (
        Annotated[list[Annotated[int, Field(ge=0, lt=MAX_STEPS)]], Field(min_length=1, max_length=MAX_STEPS)] | None
    ) = None
    """Only what stopped at one of these steps."""
    fingerprints: (
        Annotated[
            list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]], Field(min_length=1, max_length=100)
        ]
        | None
    ) = None
    """Only what failed so (``GET /jobs/{id}/errors``)."""
    tasks: Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(min_length=1, max_length=100)] | None = None
    """Only what stopped in one of these tasks."""

    @property
    def kept(self) -> dict[str, Any]:
        """What the hub goes by, as the new job keeps it."""
        return self.model_dump(mode="json", exclude={"reason"})
