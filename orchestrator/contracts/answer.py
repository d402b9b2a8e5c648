"""What people say to tasks that wait for them."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.control import Reason
from orchestrator.domain.answer import Answer
from orchestrator.domain.chain import MAX_STEPS
from orchestrator.domain.globs import check_glob

Index = Annotated[int, Field(ge=0, lt=100_000, strict=True)]
Globs = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=1000)]], Field(max_length=100)]


class Said(BaseModel):
    """What goes with anything that is said to a task."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"comment": "I am away this week"}]})

    comment: Reason | None = None
    attempt: Annotated[int, Field(ge=1, lt=2**31, strict=True)] | None = None
    """The claim that is meant (the task's `attempt`): 409 when it is no longer the present one."""


class PathAnswer(BaseModel):
    """One path, by its place in the task's list, and what is said about it."""

    model_config = ConfigDict(extra="forbid")

    index: Index
    comment: Reason | None = None


def _said_index(said: object) -> object:
    return {"index": said} if type(said) is int else said


OnePath = Annotated[PathAnswer, BeforeValidator(_said_index, json_schema_input_type=int | PathAnswer)]
"""A number alone is an index."""


class Chosen(BaseModel):
    """Paths by their names."""

    include: Globs = []
    exclude: Globs = []

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        for glob in (*self.include, *self.exclude):
            check_glob(glob)
        return self


class AnswerAsked(Said, Chosen):
    """Which of a task's paths are accepted or rejected; all that are left, where none are named."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"paths": [{"index": 3, "comment": "blurred"}]}]}
    )

    paths: Annotated[list[OnePath], Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _names_them_once(self) -> Self:
        if self.paths is not None and (self.include or self.exclude):
            raise ValueError("name paths by their index, or by include and exclude, not by both")
        return self


class DecisionAsked(Chosen):
    """What is to become of all the paths that wait for people in a job; of a step, or those that globs match."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"answer": "reject", "include": ["*.tmp"], "comment": "left over"}]},
    )

    answer: Answer
    comment: Reason | None = None
    rule: Annotated[int, Field(ge=0, lt=100, strict=True)] | None = None
    step: Annotated[int, Field(ge=0, lt=MAX_STEPS, strict=True)] | None = None
    after: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    """Go on behind this task: `next` of the answer before."""
