"""When so much has failed that a person should look: beyond what a job tolerates, or too often in the same way."""

from dataclasses import dataclass

KNOWN_ENOUGH = 1000
"""While discovery still looks, a share is judged only once so many paths are known: of ten, one is a tenth."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much may fail; either of the two is enough to be beyond it."""

    failed_percent: float | None = None
    failed_count: int | None = None

    def beyond(self, failed: int, found: int, *, all_found: bool) -> str | None:
        """Why ``failed`` of ``found`` paths are too many; None where they are not. Both count from the last release."""
        if self.failed_count is not None and failed > self.failed_count:
            return f"{failed:,} paths have failed, and its workflow tolerates {self.failed_count:,}"
        judged = all_found or found >= KNOWN_ENOUGH
        if self.failed_percent is not None and judged and failed * 100 > self.failed_percent * found:
            return f"{failed:,} of {found:,} paths have failed, and its workflow tolerates {self.failed_percent:g} %"
        return None


@dataclass(frozen=True, slots=True)
class Breaker:
    """The share of a window of paths, ended one after the other, that may fail in one way."""

    failed_percent: float
    window: int

    def trips(self, alike: int) -> bool:
        """Whether so many failures of one kind in a window are too many; known before the window is over."""
        return alike * 100 > self.failed_percent * self.window
