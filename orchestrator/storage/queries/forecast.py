"""What a dry run has found, and how long it would take."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.names import PEOPLE
from orchestrator.contracts.views import Forecast, ForecastRule, ForecastStep
from orchestrator.domain.chain import STEP_MASK
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.domain.forecast import Lane, Load, expected_s
from orchestrator.domain.health import GONE_AFTER_S
from orchestrator.errors import NotFound
from orchestrator.storage.queries.jobs import known_job
from orchestrator.storage.queries.tasks import whose

_JOB = text("""
    select d.state as discovery, p.total, p.unmatched, p.troubles
    from progress p join discoveries d on d.job_id = p.job_id
    where p.job_id = :job and exists (select from forecasts f where f.job_id = p.job_id)
""")
_STEPS = text("""
    select f.rule, f.paths, f.batches, s.step, s.action, s.label, s.site, s.queue, s.function
    from forecasts f join job_steps s on s.job_id = f.job_id and s.rule = f.rule
    where f.job_id = :job order by f.rule, s.step
""")
_PROCESSES = text("""
    select coalesce(sum(concurrency), 0)::int from nodes
    where site = :site and function = :function and :queue = any(queues) and left_at is null and not draining
      and last_heard > clock_timestamp() - make_interval(secs => :gone)
""")
# Some tasks of each of the last jobs that ran it: what it has been taking, whatever it took a year ago.
_PACE = text("""
    select sum(extract(epoch from t.ended_at - t.started_at))::float8 / nullif(sum(t.given), 0) as seconds_per_path
    from (
      select job_id, rule, step from job_steps
      where action = :action and site = :site and success + error > 0 order by job_id desc limit 20
    ) s
    cross join lateral (
      select t.started_at, t.ended_at, t.given from tasks t
      where t.job_id = s.job_id and t.rule = s.rule and (t.id & :mask) = s.step
        and t.state in ('Success', 'Error') and t.started_at is not null
      order by t.id desc limit 200
    ) t
""")


def read_forecast(tx: Connection, job: int) -> Forecast:
    """What the job would do; NotFound when there is none, or it is no dry run."""
    known_job(tx, job)
    row = tx.execute(_JOB, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"job {job} is no dry run")
    steps = tx.execute(_STEPS, {"job": job}).all()
    processes = {lane: _processes(tx, lane) for lane in {_lane(step) for step in steps if step.function != PEOPLE}}
    ran = {(step.action, step.site) for step in steps if step.function != PEOPLE}
    paces = {(action, site): _pace(tx, action, site) for action, site in ran}
    rules = [_rule(some, processes, paces) for some in _by_rule(steps)]
    loads = [
        Load(rule.rule, (step.site, step.queue, step.function), rule.batches, step.seconds)
        for rule in rules
        for step in rule.steps
        if step.site is not None and step.queue is not None
    ]
    return Forecast(
        job_id=job,
        discovery=row.discovery,
        final=DiscoveryState(row.discovery) in DISCOVERY.terminal,
        paths=sum(rule.paths for rule in rules),
        unmatched=row.unmatched,
        unreadable=row.troubles,
        rules=rules,
        expected_s=expected_s(loads, processes),
        unknown=list(dict.fromkeys(_unknown(rules))),
    )


def _lane(step: Row[Any]) -> Lane:
    return step.site, step.queue, step.function


def _processes(tx: Connection, lane: Lane) -> int:
    site, queue, function = lane
    asked = {"site": site, "queue": queue, "function": function, "gone": GONE_AFTER_S}
    return tx.execute(_PROCESSES, asked).scalar_one()


def _pace(tx: Connection, action: str, site: str) -> float | None:
    return tx.execute(_PACE, {"action": action, "site": site, "mask": STEP_MASK}).scalar_one()


def _by_rule(steps: Sequence[Row[Any]]) -> Iterable[list[Row[Any]]]:
    rules: dict[int, list[Row[Any]]] = {}
    for step in steps:
        rules.setdefault(step.rule, []).append(step)
    return rules.values()


def _rule(
    steps: Sequence[Row[Any]], processes: dict[Lane, int], paces: dict[tuple[str, str], float | None]
) -> ForecastRule:
    paths, batches = steps[0].paths, steps[0].batches
    told: list[ForecastStep] = []
    for step in steps:
        pace = paces.get((step.action, step.site))
        told.append(
            ForecastStep(
                step=step.step,
                action=step.action,
                label=step.label,
                function=step.function,
                tasks=batches,
                processes=processes.get(_lane(step), 0),
                seconds_per_path=pace,
                seconds=None if pace is None else pace * paths,
                **whose(step.site, step.queue, step.function),
            )
        )
    return ForecastRule(rule=steps[0].rule, paths=paths, batches=batches, steps=told)


def _unknown(rules: Iterable[ForecastRule]) -> Iterable[str]:
    for rule in rules:
        for step in rule.steps if rule.batches else ():
            if step.function != PEOPLE and not step.processes:
                yield f"no worker serves {step.site}.{step.queue}.{step.function}"
            elif step.function != PEOPLE and step.seconds is None:
                yield f"{step.action} has never run at {step.site}"
