"""Many rows, as the hub would have left them: jobs that have ended, most of them well, and a few that run.

Written straight into the tables, so that ten million are there in minutes; the invariants hold for them.
Run as ``python -m benchmarks.rows DATABASE_URL --tasks 10000000 --jobs 100000``.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.contracts.paths import PathList, bitmap, pack
from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.domain.chain import task_id
from orchestrator.domain.fingerprint import fingerprint
from orchestrator.domain.task import TaskState

PATHS = 10
"""In each batch."""
SITES = [f"site-{place}" for place in range(10)]
ACTIONS = ("fs.checksum", "fs.copy")
WORKFLOWS, OWNERS = 50, 20
RARE = "seldom"
"""The workflow and the owner of three old jobs."""
RUNNING = 20
"""Jobs that run, when there are enough."""
AT_WORK = 4
"""Tasks of each of them that have been started."""
SLICE = 200_000
"""Tasks of one transaction, about."""

_PACKED = "\\\\x" + pack(PathList([b"%06d.tif" % place for place in range(PATHS)], base=b"/data")).hex()
_PASSED = "\\\\x" + (bitmap(range(1, PATHS), PATHS) or b"").hex()
_BAD = ("Unreadable", "the file can not be read")
_LOST = ("ProcessLookupError", "gone before it had said anything")
_ERROR = f'{{"error_class": "{_LOST[0]}", "message": "{_LOST[1]}", "traceback": ""}}'

COLUMNS = {
    "jobs": "id workflow workflow_version site owner priority state created_at started_at ended_at",
    "history": "job_id seq at actor event from_state to_state",
    "progress": "job_id total processed failed cancelled open_tasks bad_tasks out",
    "job_steps": "job_id rule step action site queue function params options"
    " pending started success error failure cancelled",
    "discoveries": "job_id method rules site queue state closed",
    "walks": "job_id subtree input state attempt sequence worker begun_at heard_at ended_at",
    "batches": "id job_id rule subtree sequence n paths created_at",
    "tasks": "id job_id rule state attempt given processed failed given_bits error worker"
    " created_at dispatched_at started_at ended_at",
    "outcomes": "job_id task_id index outcome path error_class message fingerprint",
    "error_groups": "job_id fingerprint rule step action error_class message paths examples hosts",
    "ready": "site queue function job_id task_id",
    "handouts": "task_id job_id attempt parcel site queue function node claimed_at",
}  # fmt: skip
"""What is written, in the order in which tables refer to each other."""

_END = {
    JobState.SUCCESS: [(JobEvent.ALL_SUCCEEDED, JobState.STARTED, JobState.SUCCESS)],
    JobState.FAILURE: [(JobEvent.SOME_FAILED, JobState.STARTED, JobState.FAILURE)],
    JobState.CANCELLED: [
        (JobEvent.CANCEL_REQUESTED, JobState.STARTED, JobState.DEQUEUING),
        (JobEvent.DRAINED, JobState.DEQUEUING, JobState.CANCELLED),
    ],
    JobState.STARTED: [],
}


@dataclass(slots=True)
class Job:
    """One job that is to be written."""

    id: int
    state: JobState
    chains: int
    created: datetime
    rare: bool = False
    counts: dict[int, Counter[TaskState]] = field(default_factory=lambda: defaultdict(Counter))
    """Step -> tasks by state."""
    paths: Counter[str] = field(default_factory=Counter[str])
    """By column of ``progress``."""

    @property
    def workflow(self) -> str:
        """One of some, each with many jobs; or the rare one."""
        return RARE if self.rare else f"workflow-{self.id % WORKFLOWS}"

    @property
    def owner(self) -> str:
        """The same."""
        return RARE if self.rare else f"owner-{self.id % OWNERS}"

    @property
    def lanes(self) -> Sequence[str]:
        """The site of each step."""
        return SITES[self.id % len(SITES)], SITES[(self.id + 1) % len(SITES)]

    @property
    def ended(self) -> datetime | None:
        """When it ended, None while it runs."""
        return None if self.state is JobState.STARTED else self.created + timedelta(minutes=10)


class Rows(defaultdict[str, list[str]]):
    """Table -> lines for COPY."""

    def __init__(self) -> None:
        super().__init__(list)

    def add(self, table: str, *values: object) -> None:
        """One row, in the order of COLUMNS."""
        self[table].append("\t".join("\\N" if value is None else str(value) for value in values))

    def task(self, job: Job, step: int, batch: int, state: TaskState, given: int, **told: Any) -> None:
        """A task, counted."""
        job.counts[step][state] += 1
        begun = told.get("begun", state not in (TaskState.PENDING, TaskState.CANCELLED))
        at = job.created if begun else None
        ends = None if state in (TaskState.PENDING, TaskState.STARTED) else job.ended or job.created
        worker = f"{job.lanes[step]}.worker@host" if begun else None
        self.add(
            "tasks", task_id(batch, step), job.id, 0, state, int(begun), given, told.get("processed", 0),
            told.get("failed", 0), told.get("bits"), told.get("error"), worker, job.created, at, at, ends,
        )  # fmt: skip


def fill(database_url: str, *, tasks: int, jobs: int) -> None:
    """Add so many jobs with so many tasks, two in each chain, to a migrated database that has none.

    A tenth of the tasks is in one job, a fifth in ten more; the rest is spread evenly. At last the tables are analyzed.
    """
    batch = 1
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        _add_fleet(connection)
        for some in _slices(_jobs(tasks // 2, jobs)):
            rows = Rows()
            for job in some:
                _add_job(rows, job, batch)
                batch += job.chains
            _copy(connection, rows)
        connection.execute("select setval('jobs_id_seq', %s), setval('batches_id_seq', %s)", [jobs, batch])
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum (analyze)")


def _jobs(chains: int, jobs: int) -> Iterator[Job]:
    """Each with its state and size, the oldest first, one a minute until now."""
    large: dict[int, int] = {}
    if jobs > 100:
        large = {jobs // 2: chains // 10} | {jobs * place // 12 + 1: chains // 50 for place in range(10)}
    running = min(RUNNING, jobs // 10)
    each, more = divmod(chains - sum(large.values()), max(1, jobs - len(large)))
    now = datetime.now(UTC)
    for id in range(1, jobs + 1):
        kind = id % 20
        state = JobState.FAILURE if kind < 2 else JobState.CANCELLED if kind == 2 else JobState.SUCCESS
        if id in large:
            size, state = large[id], JobState.FAILURE
        else:
            size = each + (more > 0)
            more -= more > 0
        if id > jobs - running:
            state = JobState.STARTED
        elif state is JobState.FAILURE and not size:
            state = JobState.SUCCESS
        yield Job(id, state, size, now - timedelta(minutes=jobs - id + 15), rare=3 <= id < 6)


def _slices(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    some: list[Job] = []
    for job in jobs:
        some.append(job)
        if sum(one.chains for one in some) * len(ACTIONS) >= SLICE or len(some) >= SLICE // 100:
            yield some
            some = []
    yield some


def _add_job(rows: Rows, job: Job, batch: int) -> None:
    rows.add(
        "jobs", job.id, job.workflow, 1, job.lanes[0], job.owner, 5, job.state, job.created, job.created, job.ended
    )
    steps = [
        (JobEvent.SUBMITTED, None, JobState.PENDING), (JobEvent.TASK_STARTED, JobState.PENDING, JobState.STARTED),
        *_END[job.state],
    ]  # fmt: skip
    for seq, (event, before, after) in enumerate(steps, start=1):
        rows.add("history", job.id, seq, job.created, job.owner, event, before, after)
    for place in range(job.chains):
        rows.add("batches", batch + place, job.id, 0, 0, place + 1, PATHS, _PACKED, job.created)
        _add_chain(rows, job, batch + place, place)
    if job.paths["bad_rows"]:
        _add_group(rows, job, _BAD, job.paths["bad_rows"])
    if job.paths["lost"]:
        _add_group(rows, job, _LOST, job.paths["lost"])
    told = [job.paths[name] for name in ("processed", "failed", "cancelled", "open_tasks", "bad_tasks", "out")]
    rows.add("progress", job.id, job.chains * PATHS, *told)
    for step, action in enumerate(ACTIONS):
        counts = [job.counts[step][state] for state in TaskState if state is not TaskState.SKIPPED]
        rows.add("job_steps", job.id, 0, step, action, job.lanes[step], "default", "worker", "{}", "{}", *counts)
    site, walker = job.lanes[0], f"{job.lanes[0]}.discovery@host"
    rows.add("discoveries", job.id, "recursive", "[]", site, "default", "Closed", 1)
    rows.add("walks", job.id, 0, _PACKED, "Closed", 1, job.chains, walker, job.created, job.created, job.created)


def _add_group(rows: Rows, job: Job, said: tuple[str, str], paths: int) -> None:
    hosts = f"{{{job.lanes[0]}.worker@host}}"
    print_ = fingerprint(*said, ACTIONS[0], 0)
    rows.add("error_groups", job.id, print_, 0, 0, ACTIONS[0], *said, paths, '{"\\\\\\\\x2f64617461"}', hosts)


def _add_chain(rows: Rows, job: Job, batch: int, place: int) -> None:
    """A chain as the state of its job has it."""
    S = TaskState  # noqa: N806 - as in the machines
    later = place >= job.chains // 2
    if job.state is JobState.FAILURE and place % 10 == 0:
        rows.task(job, 0, batch, S.ERROR, PATHS, processed=PATHS - 1, failed=1)
        rows.task(job, 1, batch, S.SUCCESS, PATHS - 1, processed=PATHS - 1, bits=_PASSED)
        said = (*_BAD, fingerprint(*_BAD, ACTIONS[0], 0))
        rows.add("outcomes", job.id, task_id(batch, 0), 0, "failed", "\\\\x2f64617461", *said)
        job.paths.update(processed=PATHS - 1, failed=1, bad_tasks=1, bad_rows=1)
    elif job.state is JobState.FAILURE and place % 25 == 7:
        rows.task(job, 0, batch, S.FAILURE, PATHS, failed=PATHS, error=_ERROR)
        rows.task(job, 1, batch, S.CANCELLED, 0)
        job.paths.update(failed=PATHS, bad_tasks=1, lost=PATHS)
    elif job.state is JobState.CANCELLED and later:
        rows.task(job, 0, batch, S.CANCELLED, PATHS)
        rows.task(job, 1, batch, S.CANCELLED, 0)
        job.paths["cancelled"] += PATHS
    elif job.state is JobState.STARTED and later:
        at_work = place < job.chains // 2 + AT_WORK
        rows.task(job, 0, batch, S.STARTED if at_work else S.PENDING, PATHS)
        rows.task(job, 1, batch, S.PENDING, 0)
        job.paths["open_tasks"] += 2
        lane = (job.lanes[0], "default", "worker")
        if at_work:
            job.paths["out"] += 1
            who = (f"{job.lanes[0]}.worker@host", job.created)
            rows.add("handouts", task_id(batch, 0), job.id, 1, f"parcel-{batch}", *lane, *who)
        else:
            rows.add("ready", *lane, job.id, task_id(batch, 0))
    else:
        rows.task(job, 0, batch, S.SUCCESS, PATHS, processed=PATHS)
        rows.task(job, 1, batch, S.SUCCESS, PATHS, processed=PATHS)
        job.paths["processed"] += PATHS


def _add_fleet(connection: psycopg.Connection[Any]) -> None:
    """The sites, their workers, and the workflows."""
    with connection.cursor() as cursor:
        cursor.executemany("insert into sites (name, last_heard) values (%s, now())", [[site] for site in SITES])
        cursor.executemany(
            "insert into nodes (site, node, function, queues, concurrency, version, actions, discoveries)"
            " values (%s, %s, %s, '{default}', 2, '1', %s, '{recursive}')",
            [
                [site, f"{site}.{function}@host", function, list(ACTIONS)]
                for site in SITES
                for function in ("worker", "discovery")
            ],
        )
        names = [f"workflow-{place}" for place in range(WORKFLOWS)] + [RARE]
        cursor.executemany("insert into workflows (name, version) values (%s, 1)", [[name] for name in names])
        cursor.executemany(
            "insert into workflow_versions (workflow, version, definition, created_by)"
            " values (%s, 1, jsonb_build_object('name', %s::text), 'benchmark')",
            [[name, name] for name in names],
        )


def _copy(connection: psycopg.Connection[Any], rows: Rows) -> None:
    for table, columns in COLUMNS.items():
        into = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns.split()))
        )
        with connection.cursor() as cursor, cursor.copy(into) as copy:
            copy.write("".join(f"{line}\n" for line in rows[table]))
    connection.commit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("--tasks", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=100_000)
    asked = parser.parse_args()
    fill(asked.database_url, tasks=asked.tasks, jobs=asked.jobs)
