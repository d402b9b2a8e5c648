"""How long the record of what has ended is kept."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Periods:
    """Days since the end after which something may be deleted; None: it is kept for ever."""

    success: float | None = None
    failure: float | None = None
    cancelled: float | None = None
    """Jobs that ended so, with all that is theirs."""
    reports: float | None = None
    """What the hub could not use (late reports, dead letters), workers that are gone, and what `changes` remembered for
    workflows that are."""
    audit: float | None = None
    """The audit, and released holds that were of no job."""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))
