"""When a failed attempt is tried again: how often, how long after, and for which errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Backoff(StrEnum):
    """How the pause grows from one try to the next."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """An action's retries; the default is none."""

    max: int = 0
    """Tries after the first."""
    backoff: Backoff = Backoff.EXPONENTIAL
    base_s: float = 2.0
    """The pause before the first retry, in seconds."""
    cap_s: float = 300.0
    """The longest pause, in seconds, before jitter."""
    jitter: float = 0.1
    """The share of the pause by which it may be longer, 0 to 1: what failed together does not return together."""
    error_classes: tuple[str, ...] = ()
    """Only these; none named: every class."""
    failed_paths: bool = True
    """Also when the task ends with a result: only the paths that failed are tried again."""

    def again(self, tries: int, error_class: str) -> bool:
        """Whether an attempt that failed with this error, after ``tries`` retries so far, is tried again."""
        return tries < self.max and (not self.error_classes or error_class in self.error_classes)

    def pause_s(self, tries: int, chance: float) -> float:
        """Seconds until retry number ``tries + 1``; ``chance`` is a random number from 0 to 1."""
        growth = {
            Backoff.FIXED: 1.0,
            Backoff.LINEAR: tries + 1.0,
            Backoff.EXPONENTIAL: 2.0 ** min(tries, 60),
        }[self.backoff]
        return min(self.cap_s, self.base_s * growth) * (1 + self.jitter * chance)


NEVER = RetryPolicy()


def policy_of(kept: Mapping[str, Any] | None) -> RetryPolicy:
    """A policy as a job's plan keeps it (the fields above, by name); absent: never again."""
    if not kept:
        return NEVER
    fields: dict[str, Any] = dict(kept)
    fields["backoff"] = Backoff(kept.get("backoff", Backoff.EXPONENTIAL))
    fields["error_classes"] = tuple(kept.get("error_classes", ()))
    return RetryPolicy(**fields)
