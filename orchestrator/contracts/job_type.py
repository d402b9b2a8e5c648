"""The type of an edit job, as it is posted, kept and answered: how it is worked on, and by which steps it is merged."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.contracts.submission import Word
from orchestrator.contracts.users import UserName
from orchestrator.contracts.workflow import Label, Name
from orchestrator.domain.edit_job import Mode
from orchestrator.domain.fields import LANE

MAX_STEP_PATHS = 1000
StepName = Literal["extract", "edit", "validate", "reconcile", "commit", "publish", "cleanup"]


class StepDefinition(BaseModel):
    """A step: a run of a workflow. Fields of it that are named below are given by the job, where it declares them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    workflow: Word
    site: Word
    paths: Annotated[list[str | dict[str, Any]], Field(max_length=MAX_STEP_PATHS)] | None = None
    """Without any, the folder of the job's workspace."""
    fields: dict[str, Any] = {}
    queue: Annotated[str, Field(pattern=f"^{LANE.pattern}$")] | None = None


class JobType(BaseModel):
    """What edit jobs of a kind have in common. Its versions never change; a job keeps to the one it began with."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "road_edits",
                    "mode": "manual",
                    "quarantine": True,
                    "reviewers": "qa",
                    "conflict_retries": 1,
                    "steps": {
                        "extract": {"workflow": "extract_roads", "site": "london"},
                        "validate": {"workflow": "validate_roads", "site": "london"},
                        "commit": {"workflow": "commit_roads", "site": "london"},
                    },
                }
            ]
        },
    )

    name: Name
    label: Label | None = None
    mode: Annotated[Mode, Field(strict=False)] = Mode.MANUAL
    quarantine: bool = False
    """What is uploaded is looked at before it is merged; a job may ask for it as well."""
    publish: bool = False
    """What is merged is published."""
    reviewers: UserName | None = None
    """The group that looks at it; without one, everybody with the role reviewer."""
    conflict_retries: Annotated[int, Field(ge=0, le=100)] = 0
    """So often `reconcile` is run again, to resolve conflicts by itself, before a person is asked."""
    steps: dict[StepName, StepDefinition | None] = {}
    """A step that is left out counts as good."""
    attributes_schema: dict[str, Any] | None = None
    """A JSON Schema that the attributes of its jobs have to agree with."""

    @field_validator("steps")
    @classmethod
    def _without_none(cls, steps: dict[StepName, StepDefinition | None]) -> dict[StepName, StepDefinition | None]:
        return {name: step for name, step in steps.items() if step is not None}

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.mode is not Mode.BATCH and "edit" in self.steps:
            raise ValueError(f"a job of mode {self.mode} is edited by a person: only mode batch has a step edit")
        if not self.publish and "publish" in self.steps:
            raise ValueError("has a step publish, and publish is false")
        return self

    def step(self, name: str) -> StepDefinition | None:
        """The step of this name; None: it counts as good."""
        return next((step for known, step in self.steps.items() if known == name), None)

    def canonical(self) -> dict[str, Any]:
        """The definition as it is kept and compared: without what says only the default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class JobTypeVersion(JobType):
    """A type as it was at one version."""

    version: int
    created_by: str
    created_at: datetime
