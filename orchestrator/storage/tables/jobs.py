"""Jobs: one row each, their history, counters, plan, and what holds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.chain import MAX_STEPS
from orchestrator.domain.kinds import MACHINES, STATES, Kind
from orchestrator.domain.task import TaskState
from orchestrator.storage.tables.columns import count, metadata, quoted, time, words

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
    Column("state", words(STATES, "job_state"), nullable=False),
    Column("reason", Text),
    Column("assignee", Text, comment="whom it is assigned to"),
    Column("assigned_group", Text, comment="a group whose members may claim it"),
    Column("claimed_by", Text, comment="who has it now"),
    Column("extent", JSONB(none_as_null=True), comment="where: GeoJSON"),
    Column("attributes", JSONB, nullable=False, server_default="{}", comment="what its users want to know of it"),
    time("due_at"),
    time("not_before"),
    Column(
        "awaits", SmallInteger, nullable=False, server_default="0", comment="dependencies that have not been met yet"
    ),
    time("deadline", comment="when it is cancelled, if it has not ended"),
    Column(
        "limits",
        JSONB(none_as_null=True),
        comment="its workflow's tolerance and breaker; null = it is never held by itself",
    ),
    Column(
        "max_running",
        JSONB(none_as_null=True),
        comment="how many tasks may run at once: of it, of its workflow, of actions; null = no limit",
    ),
    time("created_at", now=True),
    time("started_at"),
    time("ended_at"),
    Column("redrive_of", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("redrive", JSONB(none_as_null=True), comment="of a redrive: which of what did not succeed it takes over"),
    Column("receipt", JSONB(none_as_null=True), comment="of a cancelled job: what became of its tasks"),
    time("dequeue_by", comment="when what has not stopped counts as stopped"),
    Column("idempotency_key", Text),
    Column("request_hash", LargeBinary),
    time("pruned_at", comment="its deletion has begun: it is there for nobody any more"),
    UniqueConstraint("owner", "idempotency_key"),
    CheckConstraint(f"kind in ({quoted(Kind)})", name="kind"),
    CheckConstraint(
        " or ".join(f"kind = '{kind}' and state in ({quoted(machine.words)})" for kind, machine in MACHINES.items()),
        name="state",
    ),
    CheckConstraint("priority between 0 and 9", name="priority"),
    Index("ix_jobs_active", "id", postgresql_where=text("ended_at is null")),
    Index("ix_jobs_state_id", "state", "id"),
    *(
        Index(f"ix_jobs_{column}", column, postgresql_where=text(f"{column} is not null and ended_at is null"))
        for column in ("assignee", "assigned_group", "claimed_by")
    ),
    Index(
        "ix_jobs_reviews",
        "id",
        postgresql_where=text("kind = 'review' and assignee is null and assigned_group is null and ended_at is null"),
    ),
    Index("ix_jobs_parent_id", "parent_id", postgresql_where=text("parent_id is not null")),
    Index("ix_jobs_pruned", "id", postgresql_where=text("pruned_at is not null")),
    Index("ix_jobs_redrive_of", "redrive_of", postgresql_where=text("redrive_of is not null")),
    Index("ix_jobs_deadline", "deadline", postgresql_where=text("ended_at is null and deadline is not null")),
    comment="One row a job.",
)

history = Table(
    "history",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    time("at", now=True),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text),
    Column("comment", Text),
    Column(
        "tx",
        BigInteger,
        nullable=False,
        server_default=text("cast(cast(pg_current_xact_id() as text) as bigint)"),
        comment="the transaction that wrote it: what a listener has not seen",
    ),
    Index("ix_history_tx", "tx"),
    comment="What happened to a job, in order.",
)

progress = Table(
    "progress",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    count("total"),
    count("processed"),
    count("skipped"),
    count("failed"),
    count("aborted"),
    count("cancelled"),
    count("unmatched"),
    count("open_tasks", "neither ended nor cancelled"),
    count("bad_tasks", "ended Failure or Error"),
    count("out", "tasks with a site"),
    count("troubles"),
    count("stopped", "tasks that were stopped while they ran"),
    count("forgiven", "paths failed before the last release"),
    count("ended_before", "paths ended before it"),
    count("window_from", "paths ended when the breaker's present window began"),
    count("dequeued_to", "tasks up to this id are dequeued"),
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

holds = Table(
    "holds",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False, server_default="manual"),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("site", Text),
    Column("queue", Text),
    Column("workflow", Text),
    Column("owner", Text),
    Column("path_prefix", LargeBinary),
    Column(
        "keeps", Boolean, nullable=False, server_default="false", comment="tasks back, of a path prefix (held_tasks)"
    ),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    time("at", now=True),
    time("until"),
    time("released_at"),
    Column("released_by", Text),
    Column("release_reason", Text),
    CheckConstraint("kind in ('manual', 'tolerance', 'breaker', 'group', 'deadline', 'dependency')", name="kind"),
    CheckConstraint("num_nonnulls(job_id, site, queue, workflow, owner, path_prefix) > 0", name="scope"),
    Index("ix_holds_open", "job_id", postgresql_where=text("released_at is null")),
    Index("ix_holds_job_id", "job_id"),
    Index("ix_holds_keeps", "id", postgresql_where=text("keeps")),
    Index("ix_holds_prefix", "id", postgresql_where=text("path_prefix is not null and released_at is null")),
    comment="What stops hand-outs of everything that all its columns of scope agree with; released, never deleted.",
)
