"""What the hub remembers from turn to turn, and can learn anew: how long tasks take, and whose turn it is."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from orchestrator.contracts.report import Died, Ended, Item
from orchestrator.domain.chain import step_of
from orchestrator.domain.pace import MOST, Pace
from orchestrator.domain.shares import Shares
from orchestrator.services.chains import Plan, read_plan
from orchestrator.services.decide import Task
from orchestrator.services.smooth import Smooth
from orchestrator.storage.tally import Counts, observe


class Step(NamedTuple):
    """One step of one rule's chain of a job: its tasks are of one kind."""

    job: int
    rule: int
    step: int


LONG_S = 1.0
"""What takes less is never long."""
Place = tuple[str, str, str]
"""A lane: site, queue, function."""
_MOST_PLANS = 1000
"""Jobs whose plans are remembered: those that were asked for of late."""


@dataclass(slots=True)
class Memory:
    """Never needed: a hub that knows nothing yet sends small parcels, and begins all shares anew."""

    most: int = MOST
    """Tasks in a parcel, at most."""
    paces: defaultdict[Step, Pace] = field(init=False)
    shares: defaultdict[Place, Shares] = field(default_factory=lambda: defaultdict(Shares))
    longest: dict[Step, float] = field(default_factory=dict[Step, float])
    """The seconds of the longest task that came to an end, until that is written down (record.py)."""
    counted: Counts = field(default_factory=lambda: Counts(float))
    """What has happened often, until that is written down (record.py)."""
    sifted: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    """Tasks that none of these holds of path prefixes stops (sift.py)."""
    _plans: OrderedDict[int, Plan] = field(default_factory=OrderedDict[int, Plan])
    """By job. A plan is made with its job, and never changes."""

    def __post_init__(self) -> None:
        self.paces = defaultdict(lambda: Pace(self.most))

    def plan(self, tx: Connection, jobs: Iterable[int]) -> Plan:
        """The chains that these jobs' rules make."""
        asked = set(jobs)
        if missing := asked - self._plans.keys():
            read = read_plan(tx, missing)
            for job in missing:
                self._plans[job] = {key: links for key, links in read.items() if key[0] == job}
        for job in asked:
            self._plans.move_to_end(job)
        plan = {key: links for job in asked for key, links in self._plans[job].items()}
        while len(self._plans) > _MOST_PLANS:
            self._plans.popitem(last=False)
        return plan

    def most_of(self, jobs: set[int]) -> dict[int, int]:
        """How many tasks of each of these jobs may travel together at most, of whichever step."""
        most = dict.fromkeys(jobs, 1)
        for step, pace in self.paces.items():
            if step.job in most:
                most[step.job] = max(most[step.job], pace.tasks)
        return most

    @property
    def jobs(self) -> set[int]:
        """Of which it remembers something."""
        return {step.job for step in self.paces} | self._plans.keys()

    def turned(self, seconds: float) -> None:
        """A turn took so long, without what it waited."""
        observe(self.counted, "turns", seconds)

    def forget(self, jobs: Iterable[int]) -> None:
        """These have ended."""
        ended = set(jobs)
        for step in [step for step in self.paces if step.job in ended]:
            del self.paces[step]
        for job in ended & self._plans.keys():
            del self._plans[job]


@dataclass(slots=True)
class Lessons:
    """What one turn's reports tell about how long tasks take."""

    memory: Memory
    _taken: dict[Step, tuple[int, float, float]] = field(default_factory=dict[Step, tuple[int, float, float]])
    """Paths, seconds in all, seconds of the longest."""
    _slow: set[Step] = field(default_factory=set[Step])

    def add(self, task: Task, item: Item) -> None:
        """Something that was said of a task, and counts."""
        step = Step(task.job, task.rule, task.step)
        if isinstance(item, Ended):
            paths, seconds, longest = self._taken.get(step, (0, 0.0, 0.0))
            self._taken[step] = paths + task.tried.bit_count(), seconds + item.seconds, max(longest, item.seconds)
        elif isinstance(item, Died):
            self._slow.add(step)

    def add_smooth(self, well: Iterable[Smooth]) -> None:
        """Tasks that ended well."""
        for row, _, spent in well:
            step = Step(row.job_id, row.rule, step_of(row.id))
            paths, seconds, longest = self._taken.get(step, (0, 0.0, 0.0))
            self._taken[step] = paths + row.given, seconds + spent, max(longest, spent)

    def learn(self) -> None:
        """Take it to heart."""
        for step, taken in self._taken.items():
            self.memory.paces[step].learn(*taken)
            if taken[2] >= LONG_S:
                self.memory.longest[step] = max(taken[2], self.memory.longest.get(step, 0.0))
        for step in self._slow:
            self.memory.paces[step].tasks = 1
