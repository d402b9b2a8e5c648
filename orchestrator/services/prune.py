"""Deleting what has been kept for long enough: ended jobs with all that is theirs, and old rows of no job.

A job is marked first, and is gone for every reader from then on. Its rows follow in small pieces, and its own row goes
last: so this may be interrupted anywhere, goes on where it was, and can be done by several processes at once.
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, Engine, text

from orchestrator.contracts.failpoints import failpoint
from orchestrator.domain.retention import Periods
from orchestrator.storage.parts import PARTS, Place
from orchestrator.storage.queries.prunable import DUE, FREE, OLD, old

TRANSACTION_S = 0.03
"""A transaction that has taken so long begins no further statement; each of them takes some milliseconds."""
CANDIDATES = 200
"""Jobs that are looked up at once."""
ROWS = 500
"""Of no job, deleted by one statement."""

Between = Callable[[float], bool]
"""Called after each transaction with the seconds that it took; True ends the pruning."""
Step = Callable[[Connection], bool]
"""A little work; False when there is no more."""


@dataclass(slots=True)
class Pruned:
    """What was deleted."""

    jobs: Counter[str] = field(default_factory=Counter[str])
    """By the state in which they ended."""
    tasks: int = 0
    others: Counter[str] = field(default_factory=Counter[str])
    """By table, of what belongs to no job."""


def prune(engine: Engine, periods: Periods, between: Between = lambda _seconds: False) -> Pruned:
    """Delete what is past its period, and finish what was begun, in many short transactions."""
    done = Pruned()
    steps = [_Jobs(periods, done).step, *(_old_rows(table, periods, done) for table in OLD)]
    for step in steps:
        if not _work_off(engine, step, between):
            break
    return done


def _work_off(engine: Engine, step: Step, between: Between) -> bool:
    """Do all of it; False when it is to end before."""
    more = True
    while more:
        began = time.monotonic()
        with engine.begin() as tx:
            more = step(tx)
            while more and time.monotonic() - began < TRANSACTION_S:
                more = step(tx)
        if between(time.monotonic() - began):
            return False
    return True


_BEGUN = text("select id, state from jobs where pruned_at is not null order by id limit 1 for update skip locked")
_CANDIDATES = text(f"select j.id from jobs j where j.id > :after and {DUE} and {FREE} order by j.id limit :most")  # noqa: S608
_LOCK = text("select id from jobs where id = :job for update skip locked")
_MARK = text(f"""
    update jobs j set pruned_at = clock_timestamp(), idempotency_key = null where j.id = :job and {DUE} and {FREE}
""")  # noqa: S608 - our own words
# Without its plan nothing is told of any of its tasks.
_HIDE = (text("delete from job_steps where job_id = :job"), text("delete from holds where job_id = :job"))
_END = text("delete from jobs where id = :job")


def _last_places() -> deque[Place]:
    # What is far behind is not looked at again. What is near behind is: that marks its entries in the indexes as dead,
    # once their transaction is over, so that the deletion of the job's own row does not come across all of them.
    return deque(maxlen=16)


class _Jobs:
    """Job after job, each deleted bit by bit."""

    def __init__(self, periods: Periods, done: Pruned) -> None:
        self._values, self._done = asdict(periods), done
        self._candidates: list[int] = []
        self._after = 0
        self._job = 0
        self._places: defaultdict[str, deque[Place]] = defaultdict(_last_places)
        """Table -> how far the present job is deleted there, the latest last."""

    def step(self, tx: Connection) -> bool:
        begun = tx.execute(_BEGUN).one_or_none()
        if begun is None:
            return self._mark_next(tx)
        if begun.id != self._job:
            self._job = begun.id
            self._places.clear()
        if self._delete_some(tx):
            tx.execute(_END, {"job": self._job})
            self._done.jobs[begun.state] += 1
        failpoint("prune.deleting")
        return True

    def _mark_next(self, tx: Connection) -> bool:
        """Mark one more job, if it is still free once its row is locked; False when there is none."""
        if not self._candidates:
            found = tx.execute(_CANDIDATES, {**self._values, "after": self._after, "most": CANDIDATES})
            self._candidates = list(found.scalars())
            if not self._candidates:
                return False
            self._after = self._candidates[-1]
        asked = {**self._values, "job": self._candidates.pop(0)}
        # A statement of its own after the lock, so that it sees a redrive that was asked for meanwhile.
        if tx.execute(_LOCK, asked).one_or_none() is not None and tx.execute(_MARK, asked).rowcount:
            for statement in _HIDE:
                tx.execute(statement, asked)
        return True

    def _delete_some(self, tx: Connection) -> bool:
        """Delete a piece of the job; True when nothing of it is left but its row."""
        for part in PARTS:
            places = self._places[part.table]
            n, place = part.delete(tx, self._job, places[0] if places else None)
            if part.table == "tasks":
                self._done.tasks += n
            if place is not None:
                places.append(place)
            if n == part.most:
                return False
        return True


def _old_rows(table: str, periods: Periods, done: Pruned) -> Step:
    statement = text(f"""
        delete from {table} where ctid = any(array(
          select ctid from {table} where {old(table)} limit {ROWS} for update skip locked))
    """)  # noqa: S608 - our own words

    def step(tx: Connection) -> bool:
        n = tx.execute(statement, asdict(periods)).rowcount
        done.others[table] += n
        return n == ROWS

    return step
