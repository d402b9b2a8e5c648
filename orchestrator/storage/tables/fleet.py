"""The fleet: sites, their nodes and queues, and the actions they offer."""

from sqlalchemy import Boolean, CheckConstraint, Column, Double, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from orchestrator.storage.tables.columns import metadata, time

sites = Table(
    "sites",
    metadata,
    Column("name", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False, server_default="true"),
    Column("draining", Boolean, nullable=False, server_default="false"),
    time("first_heard", now=True),
    time("last_heard"),
    comment="Every site that has announced itself.",
)

nodes = Table(
    "nodes",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("function", Text, nullable=False),
    Column("queues", ARRAY(Text), nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("pool", Text, nullable=False, server_default="", comment="what it is made of"),
    Column("limits", JSONB, nullable=False, server_default="{}", comment="of each of its processes"),
    Column("running", Integer, nullable=False, server_default="0"),
    Column("draining", Boolean, nullable=False, server_default="false"),
    Column("version", Text, nullable=False),
    Column("clock_skew_s", Integer, nullable=False, server_default="0"),
    Column("actions", ARRAY(Text), nullable=False, server_default="{}"),
    Column("versions", JSONB, nullable=False, server_default="{}", comment="action -> version"),
    Column("discoveries", ARRAY(Text), nullable=False, server_default="{}"),
    Column("problems", ARRAY(Text), nullable=False, server_default="{}"),
    Column("boot", Text, nullable=False, server_default="", comment="which start of it this is"),
    Column(
        "early_ends", Integer, nullable=False, server_default="0", comment="starts in a row that soon came to an end"
    ),
    Column("deaf", Boolean, nullable=False, server_default="false", comment="present, but nothing gets through to it"),
    time("first_heard", now=True),
    time("booted_at", now=True),
    time("last_heard", now=True),
    time("left_at"),
    comment="Celery workers, as they announce themselves.",
)

lanes = Table(
    "lanes",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("epoch", Integer, nullable=False, server_default="0", comment="in its queue's name, when more than 0"),
    Column("canary", Text, comment="the last one sent into its queue"),
    time("canary_sent_at"),
    time("canary_heard_at", comment="null: not yet"),
    Column(
        "partial",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="actions that some of its workers offer, and some do not",
    ),
    comment="The queues that workers serve: whether they hear what is put in, and under which name.",
)

stances = Table(
    "stances",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("queue", Text, primary_key=True, comment="empty: every queue"),
    Column("function", Text, primary_key=True, comment="empty: every function"),
    Column("disabled", Boolean, nullable=False, server_default="false"),
    Column("draining", Boolean, nullable=False, server_default="false"),
    CheckConstraint("queue <> '' or function <> ''", name="of_a_part"),
    CheckConstraint("disabled or draining", name="says_something"),
    comment="Queues and functions of a site that are given nothing new, while the site as a whole is.",
)

site_actions = Table(
    "site_actions",
    metadata,
    Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True),
    Column("action", Text, primary_key=True),
    Column("function", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("timeout_s", Double),
    Column("runs_in", Text, nullable=False, server_default="", comment="the function that it asks for"),
    Column("longest_s", Double, comment="of all its tasks here that came to an end by themselves"),
    Column(
        "changes", ARRAY(Text), nullable=False, server_default="{}", comment="parameters that name a folder it changes"
    ),
    time("last_offered", now=True),
    comment="What each site has offered to run, with the JSON Schema of its parameters.",
)
