"""A workflow's definition, as it is posted, kept and answered: which paths, which chain of actions."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.domain import duration, fields, rules
from orchestrator.domain.answer import Default
from orchestrator.domain.chain import MAX_STEPS
from orchestrator.domain.fields import GROUP, FieldType
from orchestrator.domain.retry import Backoff

MAX_RULES = 100
MAX_FIELDS = 100
LONGEST_S = 30 * 86400
MAX_REFERENCES = 1000
"""So many places of one definition may stand for a field: each may take the whole value into a message."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=100)]
Label = Annotated[str, StringConstraints(max_length=100)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Globs = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=1000)]], Field(max_length=100)]
Duration = Annotated[
    float,
    BeforeValidator(duration.seconds, json_schema_input_type=float | str),
    Field(description=f"{duration.EXPECTED}; answered in seconds", examples=["10m"]),
]


AtOnce = Annotated[int, Field(ge=1, le=1_000_000)]
"""How many tasks may run at once."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WorkflowField(_Part):
    """Something that is asked for when a job is submitted."""

    name: Annotated[str, StringConstraints(pattern=rf"^{fields.NAME.pattern}$", max_length=100)]
    label: Label | None = None
    type: Annotated[FieldType, Field(strict=False)] = FieldType.STRING
    choices: Annotated[list[Any], Field(max_length=1000)] | None = None
    default: Any = None
    required: bool = False

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if (self.type is FieldType.CHOICE) != bool(self.choices):
            raise ValueError("choices are for the type choice, which needs at least one")
        if self.default is not None and (reason := self.field.fault(self.default)):
            raise ValueError(f"its default {reason}")
        return self

    @property
    def field(self) -> fields.Field:
        """The field, as the rules of binding know it."""
        return fields.Field(self.name, self.type, tuple(self.choices or ()), self.default, self.required)


class Retries(_Part):
    """How often failed work is tried again, after how long, and after which errors."""

    max: Annotated[int, Field(ge=0, le=100)] = 0
    """Tries after the first."""
    backoff: Annotated[Backoff, Field(strict=False)] = Backoff.EXPONENTIAL
    base: Duration = 2.0
    """The pause before the first retry."""
    cap: Duration = 300.0
    """The longest pause."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """By which share of itself a pause may be longer: what failed together does not come back together."""
    error_classes: Annotated[list[Word], Field(max_length=100)] = []
    """Only these, such as ``ConnectionError``; none named: every class."""
    failed_paths: bool = True
    """Also where a task ends with a result: the paths that failed are tried again, and only these."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if max(self.base, self.cap) > LONGEST_S:
            raise ValueError("no pause may be longer than 30 days")
        if self.cap < self.base and "cap" in self.model_fields_set:
            raise ValueError("cap has to be at least base")
        return self

    @property
    def policy(self) -> dict[str, Any]:
        """The fields of ``domain.retry.RetryPolicy``, as a job's plan keeps them."""
        kept = self.model_dump(mode="json", exclude_defaults=True)
        if self.cap < self.base:
            kept["cap"] = self.base
        return {_IN_POLICY.get(name, name): value for name, value in kept.items()}


_FOR_SITES = ("site", "queue", "retries", "timeout", "hard_timeout", "max_running")
_IN_POLICY = {"base": "base_s", "cap": "cap_s"}


class Manual(_Part):
    """How people do a step."""

    claim: Duration = 8 * 3600.0
    """How long a claim lasts: what is not decided by then goes back to the others."""
    deadline: Duration | None = None
    """How long a task may wait for its decision, after which ``default`` is taken."""
    default: Annotated[Default, Field(strict=False)] | None = None
    """What is taken of what nobody has decided in time; ``hold``: the job is held, for somebody to look."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not 0 < self.claim <= LONGEST_S:
            raise ValueError("claim has to be more than 0 and at most 30 days")
        if self.deadline is not None and not 0 < self.deadline <= 366 * 86400:
            raise ValueError("deadline has to be more than 0 and at most 366 days")
        if (self.deadline is None) != (self.default is None):
            raise ValueError("deadline and default go together: what is taken, and when")
        return self


def _said_manual(said: object) -> object:
    return Manual() if said is True else None if said is False else said


def _shown_manual(manual: Manual | None) -> object:
    return manual if manual is None else manual.model_dump(exclude_defaults=True, mode="json") or True


ByPeople = Annotated[
    Manual | None,
    BeforeValidator(_said_manual, json_schema_input_type=bool | Manual | None),
    PlainSerializer(_shown_manual, return_type=bool | dict[str, Any] | None),
]
"""``true``, or how: ``{claim: 4h, deadline: 3d, default: accept}``."""


class Action(_Part):
    """One step of a chain. Keys that are not named here are the action's own parameters."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"name": "fs.copy", "destination": "/data/in", "site": "*to"}]},
    )

    name: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+$", max_length=200)]
    site: Word | None = None
    """Where the step runs; without it, where the job does."""
    queue: Annotated[str, StringConstraints(pattern=r"^\*?[A-Za-z0-9_-]+$", max_length=101)] | None = None
    function: Literal["worker", "custom", "interactive"] | None = None
    """The pool in which the step runs; without it, the one that the action asks for."""
    label: Label | None = None
    retries: Retries | None = None
    timeout: Duration | None = None
    """How long one task may take before its handler is interrupted; without it, what the action says."""
    hard_timeout: Duration | None = None
    """How long before its process is killed; without it, 10 s after ``timeout``."""
    max_running: AtOnce | None = None
    """At most so many tasks of this action run at once, in all jobs of the workflow together."""
    manual: ByPeople = None
    """Done by people, path by path, and by no site."""
    group: Annotated[str, StringConstraints(pattern=rf"^\*?{GROUP.pattern}$", max_length=101)] | None = None
    """Who does a manual step; without it, every worker may."""

    @field_validator("timeout", "hard_timeout")
    @classmethod
    def _is_some_time(cls, timeout: float | None) -> float | None:
        if timeout is not None and not 0 < timeout <= LONGEST_S:
            raise ValueError("has to be more than 0 and at most 30 days")
        return timeout

    @model_validator(mode="after")
    def _interrupts_before_it_kills(self) -> Self:
        if self.timeout and self.hard_timeout and self.hard_timeout < self.timeout:
            raise ValueError("hard_timeout has to be at least timeout: it kills what did not heed that")
        return self

    @field_validator("group")
    @classmethod
    def _is_for_people(cls, group: str | None, info: ValidationInfo) -> str | None:
        if group is not None and info.data.get("manual") is None:
            raise ValueError("is only for steps with manual: true")
        return group

    @model_validator(mode="after")
    def _asks_no_site(self) -> Self:
        if self.manual is not None:
            named = [*(name for name in _FOR_SITES if getattr(self, name) is not None), *sorted(self.params)]
            if named:
                raise ValueError(f"a manual step is done by people: it takes no {', '.join(named)}")
        return self

    @property
    def params(self) -> dict[str, Any]:
        """The action's parameters as written, references and all."""
        return dict(self.__pydantic_extra__ or {})


class Rule(_Part):
    """Which paths take which chain; every path takes the first rule that matches it."""

    type: Literal["all", "file", "directory", "symlink"] = "all"
    state: Word = "all"
    include: Globs = []
    exclude: Globs = []
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1000
    action: Annotated[list[Action], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        rules.RuleSet([self])
        return self

    @property
    def order(self) -> RuleOrder:
        """The rule as a walker needs it."""
        return RuleOrder(self.type, self.state, list(self.include), list(self.exclude), self.batch_size)


class Tolerance(_Part):
    """How many paths may fail before the job is held for a person to look; either of the two is enough."""

    failed_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """Of all paths that were found; while discovery still looks, only once there are 1,000."""
    failed_count: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.failed_percent is None and self.failed_count is None:
            raise ValueError("needs failed_percent or failed_count")
        return self


class Breaker(_Part):
    """Holds the job when failures of one kind make up too large a share of the paths that end one after the other."""

    failed_percent: Annotated[float, Field(gt=0, le=100)] = 50.0
    """More than this share of a window, all with one fingerprint."""
    window: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    """Paths."""


class Workflow(_Part):
    """A workflow: what happens to which paths. Its versions never change; a job keeps to the one it began with."""

    name: Name
    label: Label | None = None
    icon_classes: Annotated[list[Word], Field(max_length=20)] = []
    discovery: Word | None = None
    """How paths are found below those given; null = exactly the paths given."""
    discovery_options: dict[str, Any] | None = None
    enabled: bool = True
    visible: bool = True
    fields: Annotated[list[WorkflowField], Field(max_length=MAX_FIELDS)] = []
    filter_rules: Annotated[list[Rule], Field(min_length=1, max_length=MAX_RULES)]
    tolerance: Tolerance | None = None
    breaker: Breaker | None = None
    max_running: AtOnce | None = None
    """At most so many tasks run at once, in all its jobs together."""
    attributes_schema: dict[str, Any] | None = None
    """A JSON Schema that the attributes of its jobs have to agree with."""

    @field_validator("fields")
    @classmethod
    def _are_distinct(cls, fields: list[WorkflowField]) -> list[WorkflowField]:
        names = [field.name for field in fields]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the name {', '.join(twice)} is used twice")
        return fields

    @property
    def limits(self) -> dict[str, Any] | None:
        """What would hold a job of it, as jobs keep it; None = nothing does."""
        limits = {"tolerance": self.tolerance, "breaker": self.breaker}
        return {name: limit.model_dump() for name, limit in limits.items() if limit is not None} or None

    def canonical(self) -> dict[str, Any]:
        """The definition as it is kept and compared: without what says only the default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class WorkflowVersion(Workflow):
    """A workflow as it was at one version."""

    version: int
    created_by: str
    created_at: datetime
