"""Streams: jobs whose paths are sent to the API, line by line."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Table

from orchestrator.storage.tables.columns import count, metadata, time

streams = Table(
    "streams",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    count("lines", "that are kept: where a sender goes on whose connection broke"),
    count("sequence", "of the last entry that they made"),
    time("taken_at", comment="when the last were"),
    time("closed_at", comment="there will be no more"),
    CheckConstraint("lines >= 0", name="lines_not_negative"),
    postgresql_with={"fillfactor": "50"},
    comment="How much of a stream of paths is kept, in the transaction that keeps it.",
)
