"""Rolling restarts of sites."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from orchestrator.storage.tables.columns import metadata, time

restarts = Table(
    "restarts",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    time("asked_at", now=True),
    Column("asked_by", Text, nullable=False),
    Column("reason", Text),
    Column("node", Text, comment="whose turn it is"),
    Column("boot", Text, comment="the start of it that is asked to end"),
    Column("told", Integer, nullable=False, server_default="0", comment="how often that start was asked"),
    time("ended_at", comment="null: under way"),
    Column("problem", Text, comment="why it ended before all had been restarted"),
    comment="The last restart of each site, one worker after the other.",
)
