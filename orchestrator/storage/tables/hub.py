"""The hub's own: how far it has read, its epoch and its pulse, and what it could not use."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from orchestrator.storage.tables.columns import metadata, time

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
    time("at", now=True),
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
    time("at", now=True),
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
    time("at", now=True),
    Index("ix_stale_reports_task_id", "task_id"),
    comment="Reports that came late: kept, visible, never applied.",
)
