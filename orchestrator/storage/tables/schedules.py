"""Schedules, and what became of each time at which one was due."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.schedule import Outcome
from orchestrator.storage.tables.columns import metadata, quoted, time

schedules = Table(
    "schedules",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False, comment="who said last what it does; its jobs are theirs"),
    Column("workflow", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("definition", JSONB, nullable=False, comment="as contracts/schedule.py has it"),
    time("anchor", now=True),
    time("next_at", comment="when it is due; null = it is paused, or never again"),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL"), comment="the last that it started"),
    time("created_at", now=True),
    time("updated_at", now=True),
    Index("ix_schedules_next_at", "next_at", postgresql_where=text("next_at is not null")),
    Index("ix_schedules_job_id", "job_id", postgresql_where=text("job_id is not null")),
    comment="What is submitted by itself, and when.",
)

firings = Table(
    "firings",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("schedule_id", BigInteger, ForeignKey("schedules.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    time("at", now=True),
    Column("outcome", Text, nullable=False),
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("by", Text, comment="who asked for it; null = its time came"),
    Column("reason", Text),
    UniqueConstraint("schedule_id", "due_at"),
    CheckConstraint(f"outcome in ({quoted(Outcome)})", name="outcome"),
    CheckConstraint("(outcome = 'started') = (job_id is not null)", name="job"),
    Index("ix_firings_schedule_id_id", "schedule_id", "id"),
    Index("ix_firings_job_id", "job_id", postgresql_where=text("job_id is not null")),
    Index("ix_firings_queued", "schedule_id", "due_at", postgresql_where=text("outcome = 'queued'")),
    comment="A time at which a schedule was due, once each, with its job, or why it has none.",
)
