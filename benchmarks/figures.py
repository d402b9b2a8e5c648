"""What is measured: a value a repeat, the median of which counts, and the bound that it should keep."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    workload: str
    """W1 ... W12, as README.md here describes them."""
    who: str
    what: str
    unit: str
    values: list[float]
    """One a repeat, in their order; with ratios, each of two values measured right after one another."""
    size: str = ""
    """How much there was to do."""
    at_least: float | None = None
    at_most: float | None = None
    memory: dict[str, float] = field(default_factory=dict[str, float])
    """The most MiB of PSS that each part took meanwhile."""
    note: str = ""

    @property
    def median(self) -> float:
        """What counts."""
        return median(self.values)

    @property
    def target(self) -> str:
        """The bound, in words; nothing where there is none."""
        if self.at_least is not None:
            return f">= {self.at_least:g} {self.unit}".strip()
        return "" if self.at_most is None else f"<= {self.at_most:g} {self.unit}".strip()

    @property
    def kept(self) -> bool | None:
        """Whether it keeps its bound; None where there is none."""
        if self.at_least is not None:
            return self.median >= self.at_least
        return None if self.at_most is None else self.median <= self.at_most

    def document(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be measured, and why."""

    workload: str
    who: str
    reason: str


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Repeat by repeat, since what disturbs the machine mostly disturbs both."""
    return [a / b for a, b in zip(above, below, strict=True)]
