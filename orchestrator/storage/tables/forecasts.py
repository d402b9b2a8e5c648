"""Dry runs: what would run, counted as it is found."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, SmallInteger, Table

from orchestrator.storage.tables.columns import count, metadata

forecasts = Table(
    "forecasts",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("rule", SmallInteger, primary_key=True),
    count("batches"),
    count("paths"),
    CheckConstraint("batches >= 0 and paths >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "50"},
    comment="A row for each rule of a job that is a dry run: what took it. A job without one is run.",
)
