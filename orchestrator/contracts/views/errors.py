"""What went wrong: failures that are alike, in a job and across jobs, and what those that failed share."""

from datetime import datetime

from pydantic import BaseModel, Field

from orchestrator.contracts.text import PathText
from orchestrator.domain.trait import Trait


class ErrorGroup(BaseModel):
    """Failures that are alike."""

    fingerprint: str
    action: str
    rule: int | None = Field(description="null: in discovery")
    step: int | None = Field(description="null: in discovery")
    error_class: str
    message: str = Field(description="that of the first")
    paths: int = Field(description="how many paths failed so")
    example_paths: list[str | PathText]
    hosts: list[str]
    first_at: datetime
    last_at: datetime | None


class LookedAt(BaseModel):
    """Of how many paths something is told, and how many were looked at for it."""

    paths: int
    looked_at: int


class SharedTrait(BaseModel):
    """Something that failed paths share, beside how many of all have it. Where it is `sampled`, these are estimates."""

    trait: Trait
    value: str | PathText = Field(
        description="a site, `<step> <action>`, a worker, host, extension, folder, range of sizes, or `<from>/<to>`",
        examples=["/data/in/broken/"],
    )
    failed: int = Field(description="of those that failed, so many have it")
    failed_known: int = Field(description="among so many of whom it is known")
    all: int = Field(description="of all, so many have it; for what is of a step, each path at each step")
    all_known: int = Field(description="among so many of whom it is known")
    lift: float = Field(
        description="how many times as frequent it is among those that failed as among all; 1: nothing special"
    )


class WhatIsShared(BaseModel):
    """What the failed paths of a job share; what sets them most apart comes first."""

    failed: LookedAt
    all: LookedAt
    sampled: bool = Field(description="not all was looked at, so that the numbers are estimates")
    items: list[SharedTrait]


class ErrorSeen(BaseModel):
    """Failures that are alike, wherever they were."""

    fingerprint: str
    action: str
    step: int | None = Field(description="null: in discovery")
    error_class: str
    message: str = Field(description="that of one of them")
    paths: int
    jobs: int = Field(description="in how many jobs")
    job_ids: list[int] = Field(description="the latest of them, at most ten")
    workflows: list[str]
    sites: list[str]
    first_at: datetime
    last_at: datetime
