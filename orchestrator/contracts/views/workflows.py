"""Workflows: what two versions say differently, and whether a definition could be used."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from orchestrator.contracts.views.page import Wrong


class WorkflowChange(BaseModel):
    """One place at which two versions say something else."""

    place: str = Field(
        description="a JSON path into the later version, or the earlier one for what was removed",
        examples=["$.filter_rules[0].action[1].timeout"],
    )
    change: Literal["added", "removed", "changed"]
    before: Any = Field(None, description="null also where it was added")
    after: Any = Field(None, description="null also where it was removed")


class WorkflowDifference(BaseModel):
    """What two versions of a workflow say differently."""

    name: str
    from_: int = Field(serialization_alias="from")
    to: int
    changes: list[WorkflowChange]


class Verdict(BaseModel):
    """Whether a definition could be used as it is, and what is in the way."""

    valid: bool
    errors: list[Wrong]
