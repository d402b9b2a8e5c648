"""What is said when something is to be held."""

from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Scope(BaseModel):
    """What is held: everything that agrees with all that is named."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    job: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    site: Name | None = None
    queue: Name | None = None
    workflow: Name | None = None
    owner: Name | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.named:
            raise ValueError("names nothing: give job, site, queue, workflow or owner")
        return self

    @property
    def named(self) -> dict[str, Any]:
        """What it names."""
        return self.model_dump(exclude_none=True)


class HoldAsked(BaseModel):
    """What is to be held, why, and until when."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"scope": {"site": "paris"}, "reason": "the storage there is being moved"}]},
    )

    scope: Scope
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
    until: Annotated[AwareDatetime, Field(strict=False)] | None = None
    """It releases itself then; absent: somebody does."""
