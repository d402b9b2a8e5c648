"""What jobs wait for before they begin."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, text

from orchestrator.storage.tables.columns import metadata, time

dependencies = Table(
    "dependencies",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("on_job", BigInteger, primary_key=True, comment="no foreign key: it may be forgotten once it has ended"),
    Column("wanted", Text, nullable=False, comment="the state that it has to have come to"),
    Column("outcome", Text, comment="written with the state of the other job; null = not yet"),
    time("settled_at", comment="when the job was told"),
    CheckConstraint("outcome in ('met', 'never')", name="outcome"),
    CheckConstraint("job_id <> on_job", name="another"),
    Index("ix_dependencies_open", "on_job", postgresql_where=text("outcome is null")),
    Index("ix_dependencies_news", "job_id", postgresql_where=text("outcome is not null and settled_at is null")),
    comment="A job may not begin until another is at least at a state.",
)
