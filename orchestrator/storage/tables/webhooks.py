"""Webhooks, and the outbox of what is still to be sent to them."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from orchestrator.storage.tables.columns import metadata, time

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), comment="of a job's history; null = all"),
    Column("workflow", Text, comment="of whose jobs; null = of all jobs"),
    Column("owner", Text, nullable=False),
    time("created_at", now=True),
    Column("failures", Integer, nullable=False, server_default="0", comment="in a row: it did not answer, or badly"),
    time("retry_at", comment="nothing is sent to it before"),
    time("delivered_at", comment="the last time that it took something"),
    Column("last_error", Text),
    comment="Where events of jobs are sent to.",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("webhook_id", BigInteger, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", BigInteger, nullable=False, comment="no foreign key: what is told needs no job any more"),
    Column("event", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    time("created_at", now=True),
    time("due_at", now=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    time("dead_at", comment="given up, after so many attempts"),
    Index("ix_deliveries_due", "webhook_id", "due_at", postgresql_where=text("dead_at is null")),
    Index("ix_deliveries_dead", "webhook_id", "id", postgresql_where=text("dead_at is not null")),
    comment="The outbox: written with the history, deleted once it has been taken.",
)
