"""Holding jobs of which too much fails: a hold with the reason, for a person to look, and not a failure."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.tolerance import Breaker, Tolerance
from orchestrator.services.failures import Failures
from orchestrator.services.hold import BREAKER, ENDED, TOLERANCE, hold_job, new_windows
from orchestrator.storage.counters import Deltas


def tolerate(tx: Connection, deltas: Deltas, failures: Failures) -> None:
    """Hold the jobs of this turn that are beyond what they tolerate; their rows are locked, their counters written."""
    failed = {job for job, counter in deltas.jobs.items() if counter["failed"] > 0}
    jobs = failed | {job for job, *_ in failures.groups}
    if not jobs:
        return
    rows = tx.execute(_READ, {"jobs": sorted(jobs), "over": sorted(DISCOVERY.terminal)}).all()
    for row in rows:
        if "tolerance" in row.limits and TOLERANCE not in row.held:
            tolerance = Tolerance(**row.limits["tolerance"])
            if reason := tolerance.beyond(row.failed, row.found, all_found=row.all_found):
                hold_job(tx, row.id, TOLERANCE, reason)
    with_breaker = {row.id: row for row in rows if "breaker" in row.limits and BREAKER not in row.held}
    if with_breaker:
        _break(tx, with_breaker, failures)


_READ = text(f"""
    select j.id, j.limits, p.failed - p.forgiven as failed, p.total - p.ended_before as found,
      {ENDED} as ended, p.window_from, d.state = any(cast(:over as discovery_state[])) as all_found,
      array(select kind from holds h where h.job_id = j.id and h.released_at is null) as held
    from jobs j join progress p on p.job_id = j.id join discoveries d on d.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.limits is not null and j.ended_at is null
      and j.state <> 'Dequeuing' and (p.open_tasks > 0 or d.state <> all(cast(:over as discovery_state[])))
    order by j.id
""")  # noqa: S608 - our own words

_COUNT = text("""
    update error_groups g set window_paths = g.window_paths + u.n
    from unnest(
      cast(:job as bigint[]), cast(:fingerprint as text[]), cast(:rule as int[]), cast(:step as int[]),
      cast(:n as bigint[])
    ) as u(job, fingerprint, rule, step, n)
    where g.job_id = u.job and g.fingerprint = u.fingerprint and g.rule = u.rule and g.step = u.step
    returning g.job_id, g.window_paths, g.error_class, g.message
""")


def _break(tx: Connection, rows: Mapping[int, Row[Any]], failures: Failures) -> None:
    """Add this turn's failures to the windows of these jobs, and hold those of which too many are alike.

    A window that is over is begun anew by the first failure after it: where nothing fails, nothing is counted.
    """
    breakers = {job: Breaker(**row.limits["breaker"]) for job, row in rows.items()}
    new_windows(tx, [job for job, row in rows.items() if row.ended - row.window_from >= breakers[job].window])
    groups = [(*key, group.paths) for key, group in failures.groups.items() if key[0] in breakers]
    if not groups:
        return
    columns = zip(("job", "fingerprint", "rule", "step", "n"), zip(*groups, strict=True), strict=True)
    counted = tx.execute(_COUNT, {name: list(values) for name, values in columns})
    tripped: dict[int, str] = {}
    for row in counted:
        breaker = breakers[row.job_id]
        if breaker.trips(row.window_paths):
            what = f"{row.window_paths:,} of the last {breaker.window:,} paths failed alike"
            tripped[row.job_id] = f"{what}: {row.error_class}: {row.message}"[:_LONGEST]
    for job, reason in sorted(tripped.items()):
        hold_job(tx, job, BREAKER, reason)


_LONGEST = 1000
