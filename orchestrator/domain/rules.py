"""Which paths a workflow takes, and into which chain: every path takes the first rule that matches it.

Asked at the site for every path that is found, so all that does not depend on the path is done beforehand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from orchestrator.domain.globs import Globs, as_text

KINDS_OF = {"all": "fdlo?", "file": "f?", "directory": "d?", "symlink": "l?"}
"""The kinds of path that a rule's type takes. ``?``, where nobody could or may look, is taken by any."""

ANY_STATE = "all"
REMAINING = "default"
"""The state of a rule for what no other rule takes: such rules are asked last."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A filter rule as a workflow has it: type and state must agree, an include (if there is one) match, no exclude."""

    type: str = "all"
    state: str = ANY_STATE
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    batch_size: int = 1000


class AnyRule(Protocol):
    """What a rule asks of a path, whether it stands in a workflow or is sent to a walker."""

    @property
    def type(self) -> str:
        """A key of KINDS_OF."""
        ...

    @property
    def state(self) -> str:
        """What discovery says happened to the path; or ANY_STATE, or REMAINING."""
        ...

    @property
    def include(self) -> Sequence[str]:
        """Globs, one of which has to match; none: all do."""
        ...

    @property
    def exclude(self) -> Sequence[str]:
        """Globs, none of which may match."""
        ...


class _Candidate(NamedTuple):
    """A rule of the right type and state: what is left to ask about the path."""

    place: int
    include: Globs | None
    exclude: Globs | None


class RuleSet:
    """The rules of a workflow, made ready. ValueError for a type that there is not, or a glob that makes no sense."""

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self.rules = tuple(rules)
        for rule in self.rules:
            if rule.type not in KINDS_OF:
                raise ValueError(f"rule type {rule.type!r}: it is one of {', '.join(KINDS_OF)}")
        candidates = [_candidate(index, rule) for index, rule in enumerate(self.rules)]
        candidates.sort(key=lambda candidate: self.rules[candidate.place].state == REMAINING)  # stable: the order stays
        self._relative = any(globs.relative for _, *both in candidates for globs in both if globs)
        self._table = {
            kind: {state: self._select(candidates, kind, state) for state in self._states()} for kind in KINDS_OF["all"]
        }

    def match(self, path: bytes, kind: str, state: str | None = None, base: bytes = b"") -> int | None:
        """The index of the rule that takes this path, or None.

        ``kind`` is a letter of contracts.paths.KINDS, ``state`` what discovery says happened to the path, ``base``
        the starting path under which it was found. ValueError when the letter is none of them.
        """
        try:
            states = self._table[kind]
        except KeyError:
            raise ValueError(f"kind {kind!r}: it is one of {', '.join(KINDS_OF['all'])}") from None
        text, name, below = "", -1, None
        for place, include, exclude in states.get(state) or states[None]:
            if not (include or exclude):
                return place
            if name < 0:
                text = as_text(path.rstrip(b"/"))
                name = text.rfind("/") + 1
                below = _below(text, name, base) if self._relative else None
            if (not include or include.match(text, name, below)) and not (exclude and exclude.match(text, name, below)):
                return place
        return None

    def _states(self) -> set[str | None]:
        """The states that make a difference; None stands for any other."""
        return {rule.state for rule in self.rules} - {ANY_STATE, REMAINING} | {None}

    def _select(self, candidates: list[_Candidate], kind: str, state: str | None) -> tuple[_Candidate, ...]:
        """Those whose type and state agree, in the order in which they are asked."""
        return tuple(
            candidate
            for candidate in candidates
            if kind in KINDS_OF[self.rules[candidate.place].type]
            and self.rules[candidate.place].state in (ANY_STATE, REMAINING, state)
        )


def _candidate(index: int, rule: AnyRule) -> _Candidate:
    return _Candidate(
        index, Globs(rule.include) if rule.include else None, Globs(rule.exclude) if rule.exclude else None
    )


def _below(path: str, name: int, base: bytes) -> int | None:
    """Where the part below the base begins; a base that is the path itself has its last component below it."""
    if not base:
        return None
    start = _prefix(base)
    if path.startswith(start):
        return len(start)
    return name if path == start[:-1] else None


@lru_cache(maxsize=256)
def _prefix(base: bytes) -> str:
    return as_text(base.rstrip(b"/")) + "/"
