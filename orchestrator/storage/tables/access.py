"""Who may use the API, and what was done with that."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from orchestrator.storage.tables.columns import metadata, time

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("roles", ARRAY(Text), nullable=False),
    Column("password_hash", Text, comment="scrypt, with its salt; null = they have none"),
    time("created_at", now=True),
    comment="People and programs that may use the API.",
)

groups = Table(
    "groups",
    metadata,
    Column("name", Text, primary_key=True),
    time("created_at", now=True),
    comment="Groups of users, to which work can be assigned.",
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_name", Text, ForeignKey("groups.name", ondelete="CASCADE"), primary_key=True),
    Column("user_name", Text, ForeignKey("users.name", ondelete="CASCADE"), primary_key=True),
    Index("ix_group_members_user_name", "user_name"),
    comment="Who is in which group.",
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("user_name", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("label", Text),
    Column("roles", ARRAY(Text)),
    Column("site", Text, comment="it reaches this site only; null = every one"),
    Column("workflow", Text, comment="it reaches the jobs of this workflow only; null = every one"),
    time("created_at", now=True),
    time("expires_at"),
    time("last_used_at"),
    time("revoked_at"),
    Column("replaced_by", BigInteger, comment="the key that was made in its place"),
    comment="SHA-256 of each key; the key itself is shown once.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    time("at", now=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False, comment="such as site.drain, key.create"),
    Column("subject", Text, nullable=False, comment="what it was done to"),
    Column("reason", Text),
    Column("detail", JSONB),
    *(Index(f"ix_audit_{column}", column, "id") for column in ("subject", "actor", "action")),
    comment="Every privileged change, in its own transaction, and requests that were turned away.",
)
