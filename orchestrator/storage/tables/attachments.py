"""Files that belong to jobs: kept in a folder of the API's, and known here."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, UniqueConstraint

from orchestrator.storage.tables.columns import job, metadata, time

attachments = Table(
    "attachments",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    job(),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("sha256", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    time("added_at", now=True),
    UniqueConstraint("job_id", "name"),
    comment="Files that belong to jobs; a file without a row is nobody's, and is removed.",
)
