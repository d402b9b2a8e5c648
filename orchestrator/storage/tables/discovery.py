"""Discovery: what a job's walks have in common, the walks, and the batches that they found."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.domain.discovery import DiscoveryState
from orchestrator.storage.tables.columns import job, metadata, time, words

discoveries = Table(
    "discoveries",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("method", Text, nullable=False),
    Column("options", JSONB, nullable=False, server_default="{}"),
    Column("rules", JSONB, nullable=False, comment="as walkers need them, in the order of the workflow"),
    Column("site", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("state", words(DiscoveryState, "discovery_state"), nullable=False),
    *(Column(state.value.lower(), Integer, nullable=False, server_default="0") for state in DiscoveryState),
    *(
        CheckConstraint(f"{state.value.lower()} >= 0", name=f"{state.value.lower()}_not_negative")
        for state in DiscoveryState
    ),
    Column("reason", Text),
    Column("memory", LargeBinary, comment="of changes: the key of what is remembered from run to run"),
    postgresql_with={"fillfactor": "70"},
    comment="A job's discovery: what its walks have in common, how many are in each state, what they are together.",
)

walks = Table(
    "walks",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("subtree", Integer, primary_key=True),
    Column("input", LargeBinary, nullable=False),
    Column("state", words(DiscoveryState, "discovery_state"), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("cursor", LargeBinary),
    Column("worker", Text),
    Column("reason", Text),
    Column("order_id", Text, comment="of the message under which it is with a site"),
    Column("redriven_by", BigInteger, comment="the job that goes on with it"),
    Column(
        "by_hub",
        Boolean,
        nullable=False,
        server_default="false",
        comment="done by the hub itself: given names, a stream, what changes come to, what an earlier job left",
    ),
    time("handed_at"),
    time("begun_at", comment="when its present walker was first heard of"),
    time("heard_at"),
    time("ended_at"),
    Index("ix_walks_by_hub", "job_id", postgresql_where=text("by_hub and ended_at is null")),
    Index(
        "ix_walks_out",
        "job_id",
        "subtree",
        postgresql_where=text("ended_at is null and (handed_at is not null or state = 'Running')"),
    ),
    Index("ix_walks_stopped", "job_id", "subtree", postgresql_where=text("state = 'Stopped' and ended_at is null")),
    Index("ix_walks_live", "job_id", "subtree", postgresql_where=text("ended_at is null")),
    postgresql_with={"fillfactor": "70"},
    comment="One subtree each, with attempt and cursor as a task has.",
)

batches = Table(
    "batches",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    job(),
    Column("rule", SmallInteger, nullable=False),
    Column("subtree", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="of the entry that brought it"),
    Column("place", SmallInteger, nullable=False, server_default="0", comment="within that entry"),
    Column("n", Integer, nullable=False),
    Column("paths", LargeBinary, nullable=False, comment="packed (contracts.paths), stored once"),
    time("created_at", now=True),
    UniqueConstraint("job_id", "subtree", "sequence", "place"),
    comment="Paths found together that took one rule: one chain each.",
)
