"""Edit jobs: their types, with every version of these, and what they have beside a job's own columns."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.edit_job import Mode
from orchestrator.domain.edit_steps import Stage
from orchestrator.storage.tables.columns import metadata, quoted, time

job_types = Table(
    "job_types",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    time("created_at", now=True),
    time("updated_at", now=True),
    time("deleted_at"),
    comment="One row a type of edit jobs: which version is the current one.",
)

job_type_versions = Table(
    "job_type_versions",
    metadata,
    Column("job_type", Text, ForeignKey("job_types.name", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    time("created_at", now=True),
    comment="What a type was at each version; never changed. A job keeps the one that it began with.",
)

edit_jobs = Table(
    "edit_jobs",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("job_type", Text, nullable=False),
    Column("job_type_version", Integer, nullable=False),
    Column("mode", Text, nullable=False, comment="of its type, which can not change"),
    Column("quarantine", Boolean, nullable=False, comment="what is uploaded has to be looked at"),
    Column("approved", Boolean, nullable=False, server_default="false", comment="what was uploaded last has been"),
    Column("merged", Boolean, nullable=False, server_default="false", comment="some of it may be in the live data"),
    Column("stage", Text, comment="what the system is at; null = it is somebody else's turn, or nobody's"),
    Column(
        "step_job_id",
        BigInteger,
        ForeignKey("jobs.id", ondelete="SET NULL"),
        comment="the run of the present step: no other's ending counts",
    ),
    time("go_on_at", comment="from when on the system has something to do with it by itself; null = nothing"),
    Column("discard", Boolean, nullable=False, server_default="false", comment="its workspace is of no use any more"),
    Column("tries", SmallInteger, nullable=False, server_default="0", comment="of the present step, before this one"),
    Column(
        "failures", JSONB(none_as_null=True), comment="of a job that another waits for: what is wrong, path by path"
    ),
    Column("decision", Text, comment="of a review"),
    Column("time_spent_s", Float, nullable=False, server_default="0", comment="as people say it"),
    time("planned_start"),
    ForeignKeyConstraint(["job_type", "job_type_version"], ["job_type_versions.job_type", "job_type_versions.version"]),
    CheckConstraint(f"mode in ({quoted(Mode)})", name="mode"),
    CheckConstraint(f"stage in ({quoted(Stage)})", name="stage"),
    CheckConstraint("step_job_id is null or stage is not null", name="step_job_id"),
    Index("ix_edit_jobs_step_job_id", "step_job_id", postgresql_where=text("step_job_id is not null")),
    Index("ix_edit_jobs_go_on_at", "go_on_at", postgresql_where=text("go_on_at is not null")),
    Index("ix_edit_jobs_job_type", "job_type", "job_type_version"),
    comment="What an edit job, or a job that one waits for, has beside a job's own columns.",
)
