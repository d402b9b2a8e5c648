"""Workflows and their versions."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.storage.tables.columns import metadata, time

workflows = Table(
    "workflows",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    time("created_at", now=True),
    time("updated_at", now=True),
    time("deleted_at"),
    comment="One row a workflow: which version is the current one.",
)

workflow_versions = Table(
    "workflow_versions",
    metadata,
    Column("workflow", Text, ForeignKey("workflows.name", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    time("created_at", now=True),
    comment="What a workflow was at each version; never changed.",
)
