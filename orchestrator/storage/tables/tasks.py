"""Tasks, what goes along with them, what became of their paths, and which are handed out."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from orchestrator.domain.task import TaskState
from orchestrator.storage.tables.columns import job, metadata, time, words

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="batch << 6 | step"),
    job(),
    Column("rule", SmallInteger, nullable=False),
    Column("state", words(TaskState, "task_state"), nullable=False),
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
    Column(
        "redriven_by", BigInteger, comment="the job that took over its paths without a good end or a row of their own"
    ),
    # Indexes are made of this one, and not of the state, which changes often: no index is written when it does.
    Column(
        "stopped",
        words(TaskState, "task_state"),
        Computed(
            "case when state = 'Error' or state in ('Failure', 'Cancelled') and given > 0 then state end",
            persisted=True,
        ),
        comment="its state, where paths came to a stop in it",
    ),
    time("created_at", now=True),
    time("dispatched_at"),
    time("started_at"),
    time("ended_at"),
    CheckConstraint("processed + skipped + failed + aborted <= given", name="outcomes"),
    Index("ix_tasks_job_id_id", "job_id", "id"),
    Index("ix_tasks_stopped", "job_id", "stopped", "id", postgresql_where=text("stopped is not null")),
    Index(
        "ix_tasks_left",
        "job_id",
        "id",
        postgresql_where=text("stopped in ('Failure', 'Cancelled') and redriven_by is null"),
    ),
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
    Column("redriven_by", BigInteger, comment="the job that took it over"),
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
    Column(
        "window_paths", BigInteger, nullable=False, server_default="0", comment="of them in the job's present window"
    ),
    Column("examples", ARRAY(LargeBinary), nullable=False, comment="a few paths"),
    Column("hosts", ARRAY(Text), nullable=False),
    time("first_at", now=True),
    time("last_at", now=True),
    Index("ix_error_groups_last_at", "last_at"),
    comment="Failures that are alike, counted as they come.",
)

ready = Table(
    "ready",
    metadata,
    Column("site", Text, primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("job_id", BigInteger, primary_key=True, comment="no foreign key: a job that ends leaves nothing here"),
    Column("task_id", BigInteger, primary_key=True),
    time("since", now=True),
    comment="Tasks that could be handed out now.",
)

later = Table(
    "later",
    metadata,
    Column("job_id", BigInteger, primary_key=True, comment="no foreign key: a job that ends leaves nothing here"),
    Column("task_id", BigInteger, primary_key=True),
    Column("run_after", DateTime(timezone=True), nullable=False),
    Index("ix_later_run_after", "run_after"),
    comment="Tasks that are tried again after a while.",
)

parcels = Table(
    "parcels",
    metadata,
    Column("id", Text, primary_key=True, comment="of its message, too"),
    job(),
    Column("site", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("seconds", Float, nullable=False, comment="what its tasks might take, all in all"),
    Column("node", Text, comment="who claimed it"),
    time("handed_at", now=True),
    time("claimed_at"),
    time("heard_at", now=True),
    Index("ix_parcels_job_id", "job_id"),
    comment="Messages that hand out tasks: as long as a task of it is with the site.",
)

handouts = Table(
    "handouts",
    metadata,
    Column(
        "task_id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="no foreign keys: a task that ends leaves nothing here, and they would cost as much as all else",
    ),
    Column("parcel", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tried_bits", LargeBinary, comment="which paths this attempt handles; null = all that it was given"),
    Index("ix_handouts_parcel", "parcel"),
    comment="Tasks that are with a site: few, whatever the size of a job.",
)
