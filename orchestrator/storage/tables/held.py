"""Tasks that are kept back because their batch has a path that is held."""

from sqlalchemy import BigInteger, Column, Index, Table

from orchestrator.storage.tables.columns import metadata, time

held_tasks = Table(
    "held_tasks",
    metadata,
    Column("job_id", BigInteger, primary_key=True, comment="no foreign key: a job that ends leaves nothing here"),
    Column("task_id", BigInteger, primary_key=True),
    Column("hold_id", BigInteger, nullable=False, comment="the hold of a path prefix that stopped it"),
    time("since", now=True),
    Index("ix_held_tasks_hold_id", "hold_id"),
    comment="Tasks that would be ready, but for a hold of a path prefix: they are no longer looked at.",
)
