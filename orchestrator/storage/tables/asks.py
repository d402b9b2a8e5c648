"""What people are asked for: tasks of manual steps, who has claimed them, and what was said to them."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, text

from orchestrator.storage.tables.columns import job, metadata, time

asks = Table(
    "asks",
    metadata,
    Column("task_id", BigInteger, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    job(),
    Column("rule", SmallInteger, nullable=False),
    Column("group_name", Text, nullable=False, comment="empty: every worker is asked"),
    time("since", now=True),
    time("due_at", comment="when its step's default is taken"),
    Column("claimed_by", Text),
    time("claimed_at"),
    time("claim_until"),
    time("look_at", comment="when the hub looks at it next: its claim or its deadline is over"),
    Index("ix_asks_group", "group_name", "job_id", "task_id"),
    Index("ix_asks_claimed", "claimed_by", "job_id", "task_id", postgresql_where=text("claimed_by is not null")),
    Index("ix_asks_job_id", "job_id", "task_id"),
    Index("ix_asks_look_at", "look_at", postgresql_where=text("look_at is not null")),
    comment="Tasks that wait for people: as long as they do.",
)

task_history = Table(
    "task_history",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", BigInteger, primary_key=True),
    Column("seq", Integer, primary_key=True),
    time("at", now=True),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("paths", Integer, comment="how many it is about"),
    Column("comment", Text),
    comment="What people did with a task, in order.",
)
