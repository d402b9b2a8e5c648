"""Taking the paths that are streamed into a job: batches and chains, and how many lines are kept, in one transaction.

The rules are applied here, by the process that was sent the paths: no walker has a look at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from orchestrator.contracts.path_line import PathLine
from orchestrator.contracts.paths import PathList, path_list
from orchestrator.domain.batch_job import RUNNING
from orchestrator.errors import Conflict, NotFound
from orchestrator.services.chains import read_plan, write_chains
from orchestrator.services.grant import MOST_OPEN_TASKS
from orchestrator.services.order import STREAM
from orchestrator.services.sort import Rules, read_rules
from orchestrator.storage.counters import Deltas

_SUBTREE = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """A job that takes paths."""

    job: int
    site: str
    workflow: str
    lines: int
    """So many are kept."""
    closed: bool
    full: bool
    """It has so much to do already that more is to wait."""


def look(tx: Connection, job: int, *, repeated: bool = False) -> Stream:
    """The job as it is now. NotFound, or Conflict when it takes no paths; what is closed takes ``repeated`` ones."""
    row = tx.execute(_READ, {"job": job, "most": MOST_OPEN_TASKS}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    if not row.streams:
        raise Conflict(f"job {job} takes no paths: its discovery is not {STREAM!r}")
    if row.closed and not repeated:
        raise Conflict(_closed(job, row.lines))
    if row.state not in RUNNING and not row.closed:
        raise Conflict(f"job {job} is {row.state} and takes no paths now; {row.lines} lines are kept")
    return Stream(job, row.site, row.workflow, row.lines, row.closed, bool(row.full))


def rules_of(tx: Connection, job: int) -> Rules[PathLine]:
    """The rules that its paths take."""
    return Rules(read_rules(tx.execute(_RULES, {"job": job}).scalar_one()), _columns)


def take(
    tx: Connection, job: int, lines: Sequence[PathLine | None], first: int | None, rules: Rules[PathLine]
) -> Stream:
    """Keep these lines (None: an empty one), of which the first has this number in the whole stream, from 0.

    Those that are kept already are left out; without a number they are all new. Conflict when lines before them are
    missing, or when the job takes no paths any more: then nothing is kept.
    """
    tx.execute(_LOCK, {"job": job})
    before = look(tx, job, repeated=first is not None)
    known = 0 if first is None else before.lines - first
    if known < 0:
        raise Conflict(f"line {first} comes too early: {before.lines} lines of job {job} are kept, go on with that")
    fresh = lines[known:]
    if not fresh:
        return before
    if before.closed:
        raise Conflict(_closed(job, before.lines))
    sorted_ = rules.sort(line for line in fresh if line is not None)
    sequence: int = tx.execute(_MOVE, {"job": job, "lines": len(fresh)}).scalar_one()
    chains = sorted_.chains(job, _SUBTREE, sequence)
    deltas = Deltas()
    write_chains(tx, chains, read_plan(tx, [job]) if chains else {}, deltas)
    deltas.jobs[job]["unmatched"] += len(sorted_.unmatched)
    deltas.write(tx)
    return replace(before, lines=before.lines + len(fresh))


def close(tx: Connection, job: int) -> Stream:
    """There will be no more lines. Again is harmless."""
    tx.execute(_LOCK, {"job": job})
    stream = look(tx, job, repeated=True)
    tx.execute(_CLOSE, {"job": job})
    return replace(stream, closed=True, full=False)


_LOCK = text("select id from jobs where id = :job and pruned_at is null for update")
_READ = text("""
    select j.state, j.site, j.workflow, s.lines, s.closed_at is not null as closed, s.job_id is not null as streams,
      p.open_tasks > :most and not exists (select from job_steps t where t.job_id = j.id and t.waits) as full
    from jobs j left join streams s on s.job_id = j.id left join progress p on p.job_id = j.id
    where j.id = :job and j.pruned_at is null
""")
_RULES = text("select rules from discoveries where job_id = :job")
_MOVE = text("""
    update streams set lines = lines + :lines, sequence = sequence + 1, taken_at = clock_timestamp() where job_id = :job
    returning sequence
""")
_CLOSE = text("update streams set closed_at = clock_timestamp() where job_id = :job and closed_at is null")


def _closed(job: int, lines: int) -> str:
    return f"the stream of job {job} is closed, with {lines} lines"


def _columns(lines: Sequence[PathLine]) -> PathList:
    states, sizes = [line.state for line in lines], [line.size for line in lines]
    return path_list([line.path for line in lines], "".join(line.kind for line in lines), states, sizes)
