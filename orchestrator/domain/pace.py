"""How many tasks travel together: about half a second of work, by what such tasks have been taking lately."""

from dataclasses import dataclass

PARCEL_S = 0.5
"""Seconds of work in a parcel: long against the cost of a message, short against a person's patience."""
ALONE_S = 1.0
"""A task that takes longer travels alone."""
MOST = 256
"""Tasks in a parcel, however short they are."""
_GROWTH = 4
_EASE = 0.5


@dataclass(slots=True)
class Pace:
    """What tasks of one kind, such as one step of a job, have been taking. It begins with tasks that travel alone."""

    most: int = MOST
    tasks: int = 1
    """So many may travel together: more each time that all went well, one as soon as a task was slow."""
    path_s: float | None = None
    """Seconds a path takes, None as long as that is not known: up at once, down by and by."""
    longest_s: float = 0.0
    """What the longest task of late took, forgotten by and by."""

    def learn(self, paths: int, seconds: float, longest: float) -> None:
        """Some tasks have ended: ``paths`` took ``seconds`` in all, the ``longest`` task so many of these."""
        now = seconds / max(1, paths)
        self.path_s = now if self.path_s is None else max(now, self.path_s + (now - self.path_s) * _EASE)
        self.longest_s = max(longest, self.longest_s + (longest - self.longest_s) * _EASE)
        self.tasks = 1 if longest > ALONE_S else min(self.most, self.tasks * _GROWTH)

    def seconds(self, paths: int) -> float:
        """What tasks with so many paths in all are thought to take: a parcel's time where nothing is known yet."""
        return PARCEL_S if self.path_s is None else paths * self.path_s

    def may_take(self, paths: int) -> float:
        """The same, where one of them is like the longest of late."""
        return max(self.seconds(paths), self.longest_s)

    def fits(self, tasks: int, paths: int) -> bool:
        """Whether so many tasks, with so many paths in all, may travel together."""
        if tasks <= 1:
            return True
        return tasks <= self.tasks and self.longest_s <= ALONE_S and self.seconds(paths) <= PARCEL_S
