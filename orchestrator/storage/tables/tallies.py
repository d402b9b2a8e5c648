"""Tallies: what has happened, counted for metrics."""

from sqlalchemy import Column, Double, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from orchestrator.storage.tables.columns import metadata

tallies = Table(
    "tallies",
    metadata,
    Column("name", Text, nullable=False),
    Column("labels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("n", Double, nullable=False),
    comment="How often things have happened: a count is the sum of its rows, and the hub makes one of many.",
)
