"""Why something does not move."""

from pydantic import BaseModel, Field


class Cause(BaseModel):
    """One reason, and what would do away with it."""

    cause: str = Field(description="a word for programs", examples=["no_worker"])
    detail: str = Field(examples=["no worker serves london.default.worker: the last was heard of at 10:02"])
    frees: str = Field(examples=["start a worker of london for queue default, function worker"])


class Why(BaseModel):
    """Every reason that is known, the nearest first; none: it is about to move."""

    items: list[Cause]
