"""Every table, and what each is for. Hot ones are narrow, with few indexes, and leave room for updates in place.

A task's id is made of its batch's id and its step (domain/chain.py), so that a chain's rows lie together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.chain import MAX_STEPS
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.task import TaskState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _words(states: type[JobState] | type[TaskState] | type[DiscoveryState], name: str) -> Enum:
    return Enum(*(word.value for word in states), name=name)


def _time(name: str, *, now: bool = False, comment: str | None = None) -> Column[object]:
    if now:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())
    return Column(name, DateTime(timezone=True), comment=comment)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _job() -> Column[int]:
    return Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False)


# --- definitions ----------------------------------------------------------------------------------------------

workflows = Table(
    "workflows",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    _time("created_at", now=True),
    _time("updated_at", now=True),
    _time("deleted_at"),
    comment="One row a workflow: which version is the current one.",
)

workflow_versions = Table(
    "workflow_versions",
    metadata,
    Column("workflow", Text, ForeignKey("workflows.name", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    _time("created_at", now=True),
    comment="What a workflow was at each version; never changed.",
)

# --- who may, and who is there --------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("roles", ARRAY(Text), nullable=False),
    _time("created_at", now=True),
    comment="People and programs that may use the API.",
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("user_name", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("label", Text),
    Column("roles", ARRAY(Text)),
    _time("created_at", now=True),
    _time("expires_at"),
    _time("last_used_at"),
    _time("revoked_at"),
    comment="SHA-256 of each key; the key itself is shown once.",
)

sites = Table(
    "sites",
    metadata,
    Column("name", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False, server_default="true"),
    Column("draining", Boolean, nullable=False, server_default="false"),
    _time("first_heard", now=True),
    _time("last_heard"),
    comment="Every site that has announced itself.",
)

nodes = Table(
    "nodes",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("function", Text, nullable=False),
    Column("queues", ARRAY(Text), nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("running", Integer, nullable=False, server_default="0"),
    Column("draining", Boolean, nullable=False, server_default="false"),
    Column("version", Text, nullable=False),
    Column("clock_skew_s", Integer, nullable=False, server_default="0"),
    Column("actions", ARRAY(Text), nullable=False, server_default="{}"),
    Column("discoveries", ARRAY(Text), nullable=False, server_default="{}"),
    Column("problems", ARRAY(Text), nullable=False, server_default="{}"),
    _time("first_heard", now=True),
    _time("last_heard", now=True),
    _time("left_at"),
    comment="Celery workers, as they announce themselves.",
)

site_actions = Table(
    "site_actions",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("action", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("timeout_s", Double),
    Column(
        "changes", ARRAY(Text), nullable=False, server_default="{}", comment="parameters that name a folder it changes"
    ),
    _time("last_offered", now=True),
    comment="What each site has offered to run, with the JSON Schema of its parameters.",
)

# --- jobs -----------------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False, server_default="batch"),
    Column("parent_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("name", Text),
    Column("workflow", Text),
    Column("workflow_version", Integer),
    Column("site", Text),
    Column("queue", Text, nullable=False, server_default="default"),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    Column("owner", Text, nullable=False),
    Column("fields", JSONB, nullable=False, server_default="{}"),
    Column("state", _words(JobState, "job_state"), nullable=False),
    Column("reason", Text),
    Column("assignee", Text),
    _time("due_at"),
    _time("not_before"),
    _time("created_at", now=True),
    _time("started_at"),
    _time("ended_at"),
    Column("redrive_of", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("receipt", JSONB, comment="of a cancelled job: what became of its tasks"),
    _time("dequeue_by", comment="when what has not stopped counts as stopped"),
    Column("idempotency_key", Text),
    Column("request_hash", LargeBinary),
    UniqueConstraint("owner", "idempotency_key"),
    CheckConstraint("kind = 'batch'", name="kind"),
    CheckConstraint("priority between 0 and 9", name="priority"),
    Index("ix_jobs_active", "id", postgresql_where=text("ended_at is null")),
    Index("ix_jobs_state_id", "state", "id"),
    comment="One row a job.",
)

history = Table(
    "history",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    _time("at", now=True),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text),
    Column("comment", Text),
    comment="What happened to a job, in order.",
)

progress = Table(
    "progress",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _count("total"),
    _count("processed"),
    _count("skipped"),
    _count("failed"),
    _count("aborted"),
    _count("cancelled"),
    _count("unmatched"),
    Column("open_tasks", BigInteger, nullable=False, server_default="0", comment="neither ended nor cancelled"),
    Column("bad_tasks", BigInteger, nullable=False, server_default="0", comment="ended Failure or Error"),
    Column("out", BigInteger, nullable=False, server_default="0", comment="tasks with a site"),
    _count("troubles"),
    Column("stopped", BigInteger, nullable=False, server_default="0", comment="tasks that were stopped while they ran"),
    Column("dequeued_to", BigInteger, nullable=False, server_default="0", comment="tasks up to this id are dequeued"),
    *(
        CheckConstraint(f"{name} >= 0", name=f"{name}_not_negative")
        for name in ("processed", "skipped", "failed", "aborted", "cancelled", "open_tasks", "bad_tasks", "out")
    ),
    postgresql_with={"fillfactor": "50"},
    comment="A job's counters, written with what they count: paths once each, and what its end is decided on.",
)

job_steps = Table(
    "job_steps",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("rule", SmallInteger, primary_key=True),
    Column("step", SmallInteger, primary_key=True),
    Column("action", Text, nullable=False),
    Column("label", Text),
    Column("site", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("options", JSONB, nullable=False, comment="timeout, retries and the like: what is for the hub"),
    Column(
        "waits",
        Boolean,
        nullable=False,
        server_default="false",
        comment="for the end of discovery, since it changes a folder that is walked",
    ),
    *(Column(state.value.lower(), BigInteger, nullable=False, server_default="0") for state in TaskState),
    *(
        CheckConstraint(f"{state.value.lower()} >= 0", name=f"{state.value.lower()}_not_negative")
        for state in TaskState
    ),
    CheckConstraint(f"step between 0 and {MAX_STEPS - 1}", name="step"),
    postgresql_with={"fillfactor": "50"},
    comment="A job's plan, every parameter bound, and how many of its tasks are in each state.",
)

# --- discovery ------------------------------------------------------------------------------------------------

discoveries = Table(
    "discoveries",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("method", Text, nullable=False),
    Column("options", JSONB, nullable=False, server_default="{}"),
    Column("rules", JSONB, nullable=False, comment="as walkers need them, in the order of the workflow"),
    Column("site", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("state", _words(DiscoveryState, "discovery_state"), nullable=False),
    *(Column(state.value.lower(), Integer, nullable=False, server_default="0") for state in DiscoveryState),
    *(
        CheckConstraint(f"{state.value.lower()} >= 0", name=f"{state.value.lower()}_not_negative")
        for state in DiscoveryState
    ),
    Column("reason", Text),
    postgresql_with={"fillfactor": "70"},
    comment="A job's discovery: what its walks have in common, how many are in each state, what they are together.",
)

walks = Table(
    "walks",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("subtree", Integer, primary_key=True),
    Column("input", LargeBinary, nullable=False),
    Column("state", _words(DiscoveryState, "discovery_state"), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("cursor", LargeBinary),
    Column("worker", Text),
    Column("reason", Text),
    Column("order_id", Text, comment="of the message under which it is with a site"),
    _time("handed_at"),
    _time("heard_at"),
    _time("ended_at"),
    Index("ix_walks_live", "job_id", "subtree", postgresql_where=text("ended_at is null")),
    postgresql_with={"fillfactor": "70"},
    comment="One subtree each, with attempt and cursor as a task has.",
)

batches = Table(
    "batches",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _job(),
    Column("rule", SmallInteger, nullable=False),
    Column("subtree", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("paths", LargeBinary, nullable=False, comment="packed (contracts.paths), stored once"),
    _time("created_at", now=True),
    UniqueConstraint("job_id", "subtree", "sequence", "rule"),
    comment="Paths found together that took one rule: one chain each.",
)

# --- tasks ----------------------------------------------------------------------------------------------------

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="batch << 6 | step"),
    _job(),
    Column("rule", SmallInteger, nullable=False),
    Column("state", _words(TaskState, "task_state"), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("crashes", SmallInteger, nullable=False, server_default="0"),
    Column("given", Integer, nullable=False, server_default="0"),
    Column("processed", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("aborted", Integer, nullable=False, server_default="0"),
    Column("given_bits", LargeBinary, comment="which of the batch's paths it was given; null = all"),
    Column("settled_bits", LargeBinary, comment="which have their final outcome before the task ends; null = none"),
    Column("suspect_bits", LargeBinary, comment="among which a process died; null = none"),
    Column("passed_bits", LargeBinary, comment="which of the settled ones go on; null = none"),
    Column("error", JSONB),
    Column("worker", Text),
    _time("created_at", now=True),
    _time("dispatched_at"),
    _time("started_at"),
    _time("ended_at"),
    CheckConstraint("processed + skipped + failed + aborted <= given", name="outcomes"),
    Index("ix_tasks_job_id_id", "job_id", "id"),
    Index("ix_tasks_bad", "job_id", "state", "id", postgresql_where=text("state in ('Error', 'Failure')")),
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    comment="One step of a chain over one batch: from start to end one row.",
)

carries = Table(
    "carries",
    metadata,
    Column("task_id", BigInteger, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("carry", LargeBinary, nullable=False, comment="packed (contracts.paths.Carry)"),
    comment="Names and notes that a task was handed by the step before it.",
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", BigInteger, primary_key=True, comment="0 = discovery"),
    Column("index", BigInteger, primary_key=True, comment="place in the batch; discovery: a running number"),
    Column("outcome", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    CheckConstraint("outcome in ('failed', 'aborted', 'skipped')", name="outcome"),
    Index("ix_outcomes_list", "job_id", "outcome", "task_id", "index"),
    comment="Paths that were not processed, one by one, with the reason.",
)

error_groups = Table(
    "error_groups",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("rule", SmallInteger, primary_key=True, comment="-1 = discovery"),
    Column("step", SmallInteger, primary_key=True, comment="-1 = discovery"),
    Column("action", Text, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("message", Text, nullable=False, comment="that of the first"),
    Column("paths", BigInteger, nullable=False),
    Column("examples", ARRAY(LargeBinary), nullable=False, comment="a few paths"),
    Column("hosts", ARRAY(Text), nullable=False),
    _time("first_at", now=True),
    _time("last_at", now=True),
    comment="Failures that are alike, counted as they come.",
)

# --- hand-out -------------------------------------------------------------------------------------------------

ready = Table(
    "ready",
    metadata,
    Column("site", Text, primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    _time("run_after"),
    _time("since", now=True),
    comment="Tasks that could be handed out now.",
)

handouts = Table(
    "handouts",
    metadata,
    Column("task_id", BigInteger, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    _job(),
    Column("attempt", Integer, nullable=False),
    Column("parcel", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("tried_bits", LargeBinary, comment="which paths this attempt handles; null = all that it was given"),
    Column("node", Text, comment="who claimed it"),
    _time("handed_at", now=True),
    _time("claimed_at"),
    _time("heard_at", now=True),
    Index("ix_handouts_job_id", "job_id"),
    Index("ix_handouts_parcel", "parcel"),
    comment="Tasks that are with a site: few, whatever the size of a job.",
)

# --- the hub's own --------------------------------------------------------------------------------------------

stream_positions = Table(
    "stream_positions",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("position", Text, nullable=False),
    comment="How far each stream has been applied, kept in the transaction that applied it.",
)

broker = Table(
    "broker",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    comment="The broker's epoch: grows whenever Redis turns out to have lost its memory.",
)

hub_heartbeat = Table(
    "hub_heartbeat",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hub", Text, nullable=False),
    _time("at", now=True),
    CheckConstraint("id = 1", name="one_row"),
    comment="When the active hub last finished a turn, at most once a second.",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("stream", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content", LargeBinary, nullable=False, comment="the first 64 KiB"),
    _time("at", now=True),
    comment="Entries that could not be read or were not signed.",
)

stale_reports = Table(
    "stale_reports",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("task_id", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _time("at", now=True),
    Index("ix_stale_reports_task_id", "task_id"),
    comment="Reports that came late: kept, visible, never applied.",
)
