"""What was made for an Idempotency-Key; that of jobs is kept with them."""

from sqlalchemy import Column, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.storage.tables.columns import metadata, time

made_once = Table(
    "made_once",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, comment="of what was asked for"),
    Column("made", JSONB, comment="its id or name"),
    time("at", now=True),
    comment="One row a key of who made something with it: asked again, it is the same thing.",
)
