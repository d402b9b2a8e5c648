"""What every process of the API tells alike: how the whole installation is, as the database has it."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from orchestrator.contracts import views
from orchestrator.domain.health import Health
from orchestrator.storage import tally
from orchestrator.storage.queries.measures import MOST, Measures
from orchestrator.storage.tally import Counted

_COUNTERS = (
    ("jobs", "orchestrator_jobs_entered", "Jobs that have come into a state; into the first one: made.",
     ("kind", "state")),
    ("tasks", "orchestrator_tasks_ended", "Tasks that have ended, by how.", ("state",)),
    ("handed_out", "orchestrator_tasks_handed_out", "Hand-outs: tasks given to a site under a new attempt.",
     ("site", "function")),
    ("reports", "orchestrator_reports", "What sites have said of tasks, by what it was.", ("site", "said")),
    ("late", "orchestrator_reports_stale", "Reports that came late, and changed nothing.", ("site",)),
    ("unusable", "orchestrator_entries_unusable", "What came from a site unsigned, or could not be read.", ("site",)),
    ("retries", "orchestrator_task_retries", "Attempts that failed and are made once more.", ("site",)),
    ("crashes", "orchestrator_task_crashes", "Processes that died with a task.", ("site",)),
    ("leases_lost", "orchestrator_leases_lost", "Tasks and walks of which nothing was heard for a lease.", ("site",)),
)  # fmt: skip


def families(measures: Measures) -> Iterator[Metric]:
    """All that is told."""
    yield from _work(measures)
    yield from _sites(measures.sites)
    yield from _hub(measures)
    for counted, name, told, labels in _COUNTERS:
        family = CounterMetricFamily(name, told, labels=labels)
        for (kind, *values), n in sorted(measures.counted.items()):
            if kind == counted:
                family.add_metric(values, n)
        yield family
    yield _turns(measures.counted)


def well(name: str, *, answers: bool) -> Metric:
    """Whether a part answers."""
    return GaugeMetricFamily(f"orchestrator_{name}_up", f"1: the {name} answers this process.", float(answers))


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"orchestrator_{name}", told, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _work(measures: Measures) -> Iterator[Metric]:
    upto = f" Counted up to {MOST}."
    yield _gauge("jobs", f"Jobs that have not ended.{upto}", ("kind", "state"), measures.jobs.items())
    tasks = {(state,): n for state, n in measures.tasks.items()}
    yield _gauge("tasks", "Tasks of these jobs that have not ended.", ("state",), tasks.items())
    asked = [(state, measures.people.get(state)) for state in ("waiting", "claimed")]
    told = {(state,): some.tasks if some else 0.0 for state, some in asked}
    yield _gauge(
        "people_tasks", f"Tasks that wait for people, and those that somebody has.{upto}", ("state",), told.items()
    )
    waits = {(state,): some.oldest_s if some else 0.0 for state, some in asked}
    yield _gauge("people_oldest_wait_seconds", "For how long the oldest of them has waited.", ("state",), waits.items())
    holds = {(kind,): n for kind, n in measures.holds.items()}
    yield _gauge("holds", f"Holds that are open.{upto}", ("kind",), holds.items())


def _sites(sites: Iterable[views.Site]) -> Iterator[Metric]:
    sites = list(sites)
    at, lane = ("site",), ("site", "queue", "function")
    pools = [((site.name, pool.queue, pool.function), pool) for site in sites for pool in site.queues]
    health = [((site.name, one), float(site.health is one)) for site in sites for one in Health]
    yield _gauge("site_health", "1 for the health that the site has, 0 for the others.", (*at, "health"), health)
    nodes = {(site.name,): float(sum(node.live for node in site.nodes)) for site in sites}
    yield _gauge("site_nodes", "Workers heard of in the last 15 s.", at, nodes.items())
    yield _gauge(
        "queue_slots", "Tasks that can run there at once.", lane, ((k, float(p.concurrency)) for k, p in pools)
    )
    told = (
        "Tasks and walks that wait there: ready, or with the site and not begun. What is ready is counted up to 10000."
    )
    yield _gauge("queue_waiting", told, lane, ((k, float(p.waiting)) for k, p in pools))
    oldest = ((key, pool.oldest_wait_s or 0.0) for key, pool in pools)
    yield _gauge("queue_oldest_wait_seconds", "For how long the oldest of them has waited.", lane, oldest)
    yield _gauge("queue_running", "Tasks and walks that run there.", lane, ((k, float(p.running)) for k, p in pools))
    longest = ((key, pool.longest_running_s or 0.0) for key, pool in pools)
    yield _gauge("queue_longest_running_seconds", "For how long the longest of these has run.", lane, longest)


def _hub(measures: Measures) -> Iterator[Metric]:
    hubs = {("active",): float(measures.hubs.active), ("standby",): float(measures.hubs.standby)}
    yield _gauge(
        "hubs", "Hubs that are connected to the database: the active one, and those that wait.", ("role",), hubs.items()
    )
    told = "When the active hub last said that it finishes its turns."
    yield _gauge("hub_last_turn_timestamp_seconds", told, (), [((), measures.turned_at or 0.0)])


def _turns(counted: Mapping[Counted, float]) -> Metric:
    """How long the hub's turns take: Prometheus adds up the buckets, we do not."""
    sofar, buckets = 0.0, list[tuple[str, float]]()
    for bound in (*map(str, tally.BOUNDS), "inf"):
        sofar += counted.get(("turns", bound), 0.0)
        buckets.append(("+Inf" if bound == "inf" else bound, sofar))
    told = "Turns of the hub, without what each waited for something to do."
    family = HistogramMetricFamily("orchestrator_hub_turn_duration_seconds", told)
    family.add_metric([], buckets, counted.get(("turns_seconds",), 0.0))
    return family
