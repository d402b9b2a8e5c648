"""What is said when something is to be held."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.moment import Moment
from orchestrator.contracts.submission import MAX_PATH_BYTES
from orchestrator.contracts.text import path_bytes

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Scope(BaseModel):
    """What is held: everything that agrees with all that is named."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    job: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    site: Name | None = None
    queue: Name | None = None
    workflow: Name | None = None
    owner: Name | None = None
    path_prefix: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PATH_BYTES)] | None = Field(
        default=None, description="a folder, or a part of a store: what works on it, or on anything below it"
    )
    path_prefix_b64: Annotated[str, StringConstraints(min_length=1, max_length=2 * MAX_PATH_BYTES)] | None = Field(
        default=None, description="the same as bytes, where they are not UTF-8"
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.named:
            raise ValueError("names nothing: give job, site, queue, workflow, owner or path_prefix")
        if self.path_prefix is not None or self.path_prefix_b64 is not None:
            self._prefix()
        return self

    def _prefix(self) -> bytes:
        try:
            return path_bytes(self.path_prefix, self.path_prefix_b64)
        except ValueError as wrong:
            raise ValueError(f"path_prefix: {wrong}") from None

    @property
    def named(self) -> dict[str, Any]:
        """What it names."""
        return self.model_dump(exclude_none=True)

    @property
    def columns(self) -> dict[str, Any]:
        """The same as it is kept."""
        named = self.named
        if named.keys() & {"path_prefix", "path_prefix_b64"}:
            named["path_prefix"] = self._prefix()
            named.pop("path_prefix_b64", None)
        return {"job_id" if name == "job" else name: value for name, value in named.items()}


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
    until: Moment | None = None
    """It releases itself then; absent: somebody does."""
