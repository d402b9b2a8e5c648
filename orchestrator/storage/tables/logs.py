"""What tasks say of themselves while they run: lines of their logs, and how far they are."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table, Text

from orchestrator.storage.tables.columns import job, metadata, time

task_logs = Table(
    "task_logs",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    job(),
    Column("task_id", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("level", SmallInteger, nullable=False, comment="as of Python's logging"),
    Column("message", Text, nullable=False),
    Column("path", LargeBinary, comment="what was being worked on; null = the task as a whole"),
    Column("logger", Text, nullable=False),
    time("at", now=True),
    Index("ix_task_logs_job_id_id", "job_id", "id"),
    Index("ix_task_logs_task_id_id", "task_id", "id"),
    comment="What was logged while tasks ran, in the order in which it came.",
)

task_progress = Table(
    "task_progress",
    metadata,
    Column("task_id", BigInteger, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("share", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("path", LargeBinary, comment="the one that is worked on; null = the task as a whole"),
    time("at", now=True),
    comment="How far tasks said they were when they last did.",
)
