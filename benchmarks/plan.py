"""How much is measured, how often, and beside whom: the sides take turns, so that a slow minute meets all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from benchmarks import memory
from benchmarks.environment import NotInstalled
from benchmarks.figures import Missing
from benchmarks.machine import servers
from benchmarks.peer import Peer, PeerFailed, Running, running
from benchmarks.stack import Stack

T = TypeVar("T")
OURS = "orchestrator"


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    """One measurement, and the most memory that its side took meanwhile (MiB by part)."""

    value: T
    memory: Mapping[str, float] = field(default_factory=dict[str, float])


Side = Callable[[], Taken[T]]


@dataclass(slots=True)
class Plan:
    """What was asked for; and, as it goes on, what could not be measured and on what it ran."""

    repeats: int = 3
    scale: float = 1.0
    """Of every size."""
    full: bool = False
    """The largest sizes too."""
    peers: Sequence[Peer] = ()
    say: Callable[[str], None] = print
    missing: list[Missing] = field(default_factory=list[Missing])
    versions: dict[str, str] = field(default_factory=dict[str, str])

    def size(self, whole: float, least: int = 1) -> int:
        """How many of these there are at this scale."""
        return max(least, round(whole * self.scale))

    def meet(self, stack: Stack) -> None:
        """Note which servers our own stack runs on."""
        self.versions |= servers(stack.profile.database_url, stack.profile.redis_url)

    def take_turns(self, workload: str, sides: Mapping[str, Side[T]]) -> dict[str, list[Taken[T]]]:
        """Every side once, then again, as often as there are repeats; a peer that fails is noted and left out."""
        taken: dict[str, list[Taken[T]]] = {who: [] for who in sides}
        for turn in range(self.repeats):
            for who in list(taken):
                try:
                    taken[who].append(one := sides[who]())
                except (PeerFailed, NotInstalled) as failed:
                    self.missing.append(Missing(workload, who, str(failed)))
                    self.say(f"{workload} {who}: {failed}")
                    del taken[who]
                else:
                    self.say(f"{workload} {who}, {turn + 1} of {self.repeats}: {_shown(one.value)}")
        return taken

    def ours(self, stack: Stack, measure: Callable[[], T]) -> Side[T]:
        """Our own side, on a stack that runs."""

        def take() -> Taken[T]:
            with memory.peak(stack.pids) as most:
                value = measure()
            return Taken(value, most)

        return take

    def theirs(self, peer: Peer, measure: Callable[[Running], T]) -> Side[T]:
        """A peer's side: it is started for every measurement, so that it does not run beside ours."""

        def take() -> Taken[T]:
            with running(peer) as it, memory.peak(lambda: it.pids) as most:
                self.versions |= {peer.title: ", ".join(f"{name} {version}" for name, version in it.versions.items())}
                value = measure(it)
            return Taken(value, most)

        return take


def values(taken: Sequence[Taken[T]]) -> list[T]:
    """What was measured, repeat by repeat."""
    return [one.value for one in taken]


def most(taken: Sequence[Taken[T]]) -> dict[str, float]:
    """The most memory of each part in any repeat."""
    parts = {part for one in taken for part in one.memory}
    return {part: max(one.memory.get(part, 0.0) for one in taken) for part in sorted(parts)}


def _shown(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)[:80]
