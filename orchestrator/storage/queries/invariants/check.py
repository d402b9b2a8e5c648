"""One check: a sentence, and the query that gives where it does not hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import TextClause, text

from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.kinds import ENDS, MACHINES
from orchestrator.domain.task import TASK


def words(states: Iterable[str]) -> str:
    """States as a list of SQL."""
    return ", ".join(f"'{state}'" for state in sorted(states))


TASK_OPEN = words(set(TASK.states) - TASK.terminal)
TASK_ENDS = words(TASK.terminal)
JOB_ENDS = words(ENDS)
JOB_TERMINAL = words({str(state) for machine in MACHINES.values() for state in machine.terminal})
"""Those of the ends that are never left."""
WALK_ENDS = words(DISCOVERY.terminal)


@dataclass(frozen=True)
class Check:
    """The query's one column says where, and what is there instead. It may use the values that ``violations`` gives."""

    invariant: str
    what: str
    query: str
    only_settled: bool = False
    """Only when no fault is left to be made up for."""

    @cached_property
    def statement(self) -> TextClause:
        """The query, bounded."""
        return text(f"select detail from ({self.query}) as found(detail) limit :most")
