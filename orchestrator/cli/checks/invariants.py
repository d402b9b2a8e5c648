"""Ask the database for what must always hold, while the service goes on or when it is down."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli.checks.finding import Finding, ok, wrong
from orchestrator.cli.database import reason
from orchestrator.errors import Unreachable
from orchestrator.storage.database import make_engine
from orchestrator.storage.queries.invariants import CHECKS, PROMISES, Chosen, Violation, choose, violations
from orchestrator.storage.queries.jobs import read_job
from orchestrator.storage.queries.snapshot import snapshot

REMEDY = "this is a defect: keep the logs, and report it with the history of the job"


def check_invariants(url: str, job: int | None) -> Iterator[Finding]:
    """A line for what was looked at, then one an invariant. Unreachable when the database does not answer in time."""
    engine = make_engine(url, pool_size=1)
    try:
        with snapshot(engine) as tx:
            chosen = choose(tx) if job is None else Chosen([read_job(tx, job).id], 0, 0)
            found = violations(tx, jobs=chosen.jobs)
    except SQLAlchemyError as error:
        raise Unreachable(f"the database can not be asked: {reason(error)}") from error
    finally:
        engine.dispose()
    yield ok("looked at", _looked_at(chosen) if job is None else f"job {job}")
    yield from _findings(found)


def _looked_at(chosen: Chosen) -> str:
    said = f"{len(chosen.jobs)} jobs with {chosen.tasks} tasks, those that run and the newest that have ended"
    return f"{said}; {chosen.left_out} left out for their size: name one with --job" if chosen.left_out else said


def _findings(found: Sequence[Violation]) -> Iterator[Finding]:
    by_invariant: defaultdict[str, list[Violation]] = defaultdict(list)
    for violation in found:
        by_invariant[violation.invariant].append(violation)
    asked = {check.invariant for check in CHECKS if not check.only_settled}
    for promise in PROMISES:
        broken = by_invariant[promise.id]
        yield from (wrong(promise.id, f"{violation.what}: {violation.detail}", REMEDY) for violation in broken)
        if not broken:
            yield ok(promise.id, f"{promise.what} ({promise.how}{'' if promise.id in asked else '; not asked here'})")
