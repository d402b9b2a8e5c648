"""Whose turn it is: several jobs share a lane's time by their weights, however many tasks each of them has.

Start-time fair queueing: each job has a time of its own, which what it is given moves on, the slower the more it
weighs; whoever is furthest behind is next. Who comes anew, or comes back, begins at the time that has been reached: it
is next at once, and has no claim to what others got before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Shares:
    """The turns of one lane."""

    reached: float = 0.0
    _times: dict[int, float] = field(default_factory=dict[int, float])

    def order(self, jobs: Iterable[int]) -> list[int]:
        """These jobs, the next one first; where two are equal, the older one."""
        return sorted(jobs, key=lambda job: (self._time(job), job))

    def next(self, jobs: Iterable[int]) -> int:
        """Which of these jobs is next."""
        return min(jobs, key=lambda job: (self._time(job), job))

    def give(self, job: int, seconds: float, weight: float) -> None:
        """A job, the next one, is given work for so many seconds."""
        self.reached = self._time(job)
        self._times[job] = self.reached + seconds / weight

    def keep(self, jobs: Iterable[int]) -> None:
        """Only these have something waiting; the others are forgotten once all have had as much as they."""
        waiting = set(jobs)
        self._times = {job: time for job, time in self._times.items() if job in waiting or time > self.reached}

    def _time(self, job: int) -> float:
        return max(self.reached, self._times.get(job, 0.0))


def weight(priority: int) -> float:
    """What a job weighs: 1 at priority 0, 10 at priority 9."""
    return priority + 1.0
