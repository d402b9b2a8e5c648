"""What discovery of changes remembers from one run to the next, and what a run has found and not yet told."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from orchestrator.storage.tables.columns import metadata, time

memories = Table(
    "memories",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("key", LargeBinary, nullable=False, comment="of the workflow, the site and the values of the fields"),
    Column("root", LargeBinary, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column(
        "job_id", BigInteger, ForeignKey("jobs.id", ondelete="SET NULL"), comment="the last that looked for changes"
    ),
    time("created_at", now=True),
    UniqueConstraint("key", "root"),
    Index("ix_memories_job_id", "job_id"),
    comment="One for each starting folder of a workflow at a site.",
)

remembered = Table(
    "remembered",
    metadata,
    Column("memory", BigInteger, ForeignKey("memories.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Uuid, primary_key=True, comment="MD5 of the folder: a path may be longer than an index takes"),
    Column("name", LargeBinary, primary_key=True),
    Column("folder", LargeBinary, nullable=False, comment="with its slash at the end"),
    Column("kind", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Index("ix_remembered_inode", "memory", "inode"),
    comment="A path as it was when a chain came to a good end with it, or nobody wanted to know of it.",
)

open_changes = Table(
    "open_changes",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("gone", Boolean, primary_key=True, comment="it is not there any more; else it is new, and may have moved"),
    Column("depth", Integer, primary_key=True, comment="bytes of its folder: more than of those above it"),
    Column("memory", BigInteger, ForeignKey("memories.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Uuid, primary_key=True),
    Column("name", LargeBinary, primary_key=True),
    Column("folder", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Index("ix_open_changes_memory", "memory"),
    Index("ix_open_changes_inode", "job_id", "gone", "memory", "inode"),
    comment="What can only be told once all has been looked at: whether a path has moved, is new, or gone.",
)
