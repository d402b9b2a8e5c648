"""What a dry run has found."""

from pydantic import BaseModel, Field

from orchestrator.domain.discovery import DiscoveryState


class ForecastStep(BaseModel):
    """One step of a chain, as it would be run."""

    step: int = Field(description="its place in the chain, 0-based")
    action: str
    label: str | None
    site: str | None = Field(description="null: people do it")
    queue: str | None = Field(description="null: people do it")
    function: str = Field(description="`people` where they do it")
    group: str | None = Field(description="whose people do it")
    tasks: int = Field(description="so many it would have, one a batch")
    processes: int = Field(description="that there are for it now; 0 where people do it")
    seconds_per_path: float | None = Field(
        description="what the action has been taking at this site of late; null: it never ran there, or people do it"
    )
    seconds: float | None = Field(description="what all of it would take, one task after the other")


class ForecastRule(BaseModel):
    """What took one rule, and its chain."""

    rule: int = Field(description="its place in the workflow, 0-based")
    paths: int
    batches: int
    steps: list[ForecastStep]


class Forecast(BaseModel):
    """What a job would do, from a dry run of it."""

    job_id: int
    discovery: DiscoveryState
    final: bool = Field(description="false while discovery may still find more")
    paths: int = Field(description="those that would be worked on: all rules together")
    unmatched: int = Field(description="took no rule")
    unreadable: int = Field(description="could not be looked at; `GET /jobs/{id}/paths?outcome=failed` lists them")
    rules: list[ForecastRule]
    expected_s: float | None = Field(
        description="seconds, as if nothing else were to do and without what people do; null while it can not be told"
    )
    unknown: list[str] = Field(
        description="why it can not be told", examples=[["fs.copy has never run at paris", "no worker serves london"]]
    )
