"""What is said when a job is to wait for another."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST = 100


class Dependency(BaseModel):
    """Another job, and the state that it has to have come to."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"job": 17}]})

    job: Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)]
    state: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    """At least this one, such as `Started`, or `end`; without it, the good end (`Success`)."""


Dependencies = Annotated[list[Dependency], Field(max_length=MOST)]
