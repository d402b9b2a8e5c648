"""What live events tell of all jobs."""

from datetime import datetime

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from orchestrator.contracts.state import State
from orchestrator.domain.kinds import Kind


class Happened(BaseModel):
    """An entry of a job's history, with which job it is."""

    model_config = ConfigDict(serialize_by_alias=True)

    job: int
    seq: int = Field(description="its place in the job's history")
    at: datetime
    kind: Kind
    name: str | None
    workflow: str | None
    site: str | None
    owner: str
    parent: int | None
    event: str
    from_: State | None = Field(
        default=None, validation_alias=AliasChoices("from", "from_"), serialization_alias="from"
    )
    to: State | None = Field(description="the state that it came to; null: it stayed as it was")
    actor: str
    reason: str | None
    comment: str | None
