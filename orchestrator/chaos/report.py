"""What came of it: enough happened, everything ended, nothing that must hold did not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SECONDS_A_FAULT = 6.0
"""One fault in so many seconds, and one task a second, are the least: where nothing happened nothing is proved."""


@dataclass(frozen=True, slots=True)
class Report:
    """One trial."""

    seed: int
    seconds: float
    faults: Mapping[str, int]
    """How often each was injected."""
    recoveries: Sequence[tuple[str, float]]
    """Each fault, and the seconds from it to the next task that ended."""
    checks: int
    """How often all invariants were asked."""
    unanswered: int
    """How often the database was away when they were to be."""
    violations: Sequence[str]
    jobs: Mapping[str, int]
    """How many are in each state."""
    unended: Sequence[int]
    """Jobs that did not end within the bound."""
    bound_s: float
    """That bound, from the moment that faults were over."""
    ended_after_s: float
    """When all had, or the bound was over."""
    tasks: int
    """That ended by themselves, while faults were injected and after."""
    paths: Mapping[str, int]
    runs: int
    """Paths that were run, each time counted."""
    repeated: int
    """Paths that were run again by a later attempt."""

    @property
    def problems(self) -> list[str]:
        """Why it is not good."""
        wrong = list(self.violations)
        if self.unended:
            wrong.append(f"jobs {', '.join(map(str, self.unended))} did not end within {self.bound_s:.0f} s")
        injected = sum(self.faults.values())
        if injected < self.seconds / SECONDS_A_FAULT:
            wrong.append(f"only {injected} faults in {self.seconds:.0f} s: that proves nothing")
        if self.tasks < self.seconds:
            wrong.append(f"only {self.tasks} tasks ended in {self.seconds:.0f} s: that proves nothing")
        if self.checks < self.seconds / 4:
            wrong.append(f"the invariants were asked only {self.checks} times")
        return wrong

    @property
    def worst(self) -> tuple[str, float] | None:
        """The fault after which it took longest until a task ended."""
        return max(self.recoveries, key=lambda one: one[1], default=None)

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "problems": self.problems}
