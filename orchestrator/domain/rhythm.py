"""When the hub lets more come before it begins the next turn.

A turn costs much and what is in it little. Who is idle begins at once; who is always at it, with little in each turn,
does more of other things, and no less of these, by letting them gather for a moment.
"""

from dataclasses import dataclass

GATHER_S = 0.025
"""So long more is let come: about what a turn takes."""
MUCH = 100
"""Reports and batches in one turn that are worth it by themselves."""
BUSY = 0.3
"""Share of its time from which on the hub is always at it."""
_LATE_S = 0.25
"""What of late means: older turns count little."""


@dataclass(slots=True)
class Rhythm:
    """The turns of late."""

    busy: float = 0.0
    """The share of the time that was not spent waiting for something to do."""
    _last: int = 0

    def turned(self, waited_s: float, worked_s: float, applied: int) -> None:
        """A turn is over, which ``applied`` so many reports and batches."""
        if (took := waited_s + worked_s) > 0:
            self.busy += (worked_s / took - self.busy) * min(1.0, took / _LATE_S)
        self._last = applied

    @property
    def pause_s(self) -> float:
        """How long to wait before the next turn."""
        return GATHER_S if self.busy > BUSY and 0 < self._last < MUCH else 0.0
