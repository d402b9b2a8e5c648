"""Task groups: their definitions, the group jobs, and the rows of these."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.task_group import STATUSES, TaskStatus
from orchestrator.storage.tables.columns import metadata, time

task_groups = Table(
    "task_groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("label", Text),
    Column("tasks", JSONB, nullable=False, comment="in order, as they were given"),
    Column("attributes_schema", JSONB(none_as_null=True), comment="of its jobs' attributes; null = they may be any"),
    Column("created_by", Text, nullable=False),
    time("created_at", now=True),
    time("updated_at", now=True),
    comment="What tasks a group has; group jobs copy them, so that a change is for later ones.",
)

group_jobs = Table(
    "group_jobs",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("task_group", Text, nullable=False),
    Column("advance", Text, nullable=False),
    Column("current_task", BigInteger, comment="a row of it; null = none is chosen"),
    Column("percent_complete", Float, nullable=False, server_default="0"),
    Column(
        "due",
        Boolean,
        nullable=False,
        server_default="false",
        comment="it goes on by itself once nothing holds it back",
    ),
    CheckConstraint("advance in ('auto', 'manual')", name="advance"),
    Index("ix_group_jobs_due", "job_id", postgresql_where=text("due")),
    comment="What a job of kind group has beside a job's own columns.",
)

group_tasks = Table(
    "group_tasks",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("group_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("order", Integer, nullable=False, comment="from 1; a row inserted before others moves them on"),
    Column("task_group", Text, nullable=False, comment="the definition that it came from"),
    Column("task", Text, nullable=False),
    Column("label", Text),
    Column("status", SmallInteger, nullable=False, server_default=str(TaskStatus.WAITING.code)),
    Column("assignee", Text),
    Column("assigned_group", Text),
    Column("run", JSONB(none_as_null=True), comment="of an automatic task: the workflow, site, paths and fields"),
    Column("on_failure", Text, nullable=False, server_default="hold"),
    Column("effort", Float, nullable=False, server_default="1"),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL"), comment="its job, once its turn has come"),
    Column(
        "run_id",
        BigInteger,
        ForeignKey("jobs.id", ondelete="SET NULL"),
        comment="of an automatic task: the run that has not been heard of yet",
    ),
    time("listed_at", now=True),
    Column("listed_by", Text, nullable=False),
    time("started_at"),
    Column("started_by", Text),
    time("ended_at"),
    Column("ended_by", Text),
    UniqueConstraint("job_id"),
    UniqueConstraint("group_id", "order", deferrable=True, initially="DEFERRED"),
    CheckConstraint(f"status in ({', '.join(map(str, sorted(STATUSES)))})", name="status"),
    CheckConstraint("on_failure in ('hold', 'fail')", name="on_failure"),
    CheckConstraint("effort > 0", name="effort"),
    Index("ix_group_tasks_run_id", "run_id", postgresql_where=text("run_id is not null")),
    comment="The rows of a group job's list, with the published codes: 1, 2, 5, 10, and our own 0 for Cancelled.",
)
