"""The monkey: breaks one thing after another, by a seed, and mends what does not mend itself."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from orchestrator.chaos.faults import FAULTS, Fault, Lasting
from orchestrator.chaos.target import NotNow, Target
from orchestrator.errors import Unreachable

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
"""Between two faults."""
_LOOK_S = 0.1
MENDED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was injected."""

    name: str
    at: float
    """When, in seconds since the epoch."""


class Monkey:
    """Chooses by the seed which fault comes when; what is there to be broken is not its choice.

    ``tell`` is called with each fault as it is injected.
    """

    def __init__(
        self,
        target: Target,
        seed: int,
        faults: Mapping[str, tuple[int, Fault]] = FAULTS,
        tell: Callable[[Injected], None] = lambda _injected: None,
    ) -> None:
        self._target, self._random, self._faults, self._tell = target, Random(seed), faults, tell
        self._lasting: dict[str, tuple[float, Lasting]] = {}
        self._next = 0.0
        self.injected: list[Injected] = []

    @property
    def counts(self) -> dict[str, int]:
        """How often each fault was injected; those that were not, too."""
        done = Counter(one.name for one in self.injected)
        return {name: done[name] for name in self._faults}

    def run(self, seconds: float) -> None:
        """Break things for so long, then mend everything; also when it is interrupted."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self.step(time.monotonic())
                time.sleep(_LOOK_S)
        finally:
            self.mend()

    def step(self, now: float) -> None:
        """Do what is due by the monotonic clock: end what has lasted long enough, inject the next fault."""
        self._heal(now)
        if now >= self._next:
            self._inject(now)
            self._next = now + self._random.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S)

    def mend(self, within_s: float = MENDED_WITHIN_S) -> None:
        """End everything that still lasts; Unreachable when that does not work in time."""
        deadline = time.monotonic() + within_s
        while self._lasting:
            self._heal(float("inf"))
            if self._lasting and time.monotonic() > deadline:
                raise Unreachable(f"not mended: {', '.join(self._lasting)}")
            time.sleep(_LOOK_S)

    def _inject(self, now: float) -> None:
        weights = [weight for weight, _ in self._faults.values()]
        (name,) = self._random.choices(list(self._faults), weights)
        if name in self._lasting:
            return
        at = time.time()
        try:
            lasting = self._faults[name][1](self._target, self._random)
        except NotNow:
            return
        if lasting is not None:
            self._lasting[name] = (now + lasting.seconds, lasting)
        injected = Injected(name, at)
        self.injected.append(injected)
        self._tell(injected)

    def _heal(self, now: float) -> None:
        for name, (until, lasting) in list(self._lasting.items()):
            if now >= until:
                try:
                    lasting.heal()
                except Unreachable:
                    continue
                del self._lasting[name]
