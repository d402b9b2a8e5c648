"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from orchestrator.storage import guards, ledger_views

revision = "0001"
down_revision = None


def upgrade() -> None:  # noqa: PLR0915 - a statement for each table and index
    """The first schema."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="such as site.drain, key.create"),
        sa.Column("subject", sa.Text(), nullable=False, comment="what it was done to"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Every privileged change, in its own transaction, and requests that were turned away.",
    )
    op.create_index("ix_audit_action", "audit", ["action", "id"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor", "id"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject", "id"], unique=False)
    op.create_table(
        "broker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_broker_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker")),
        comment="The broker's epoch: grows whenever Redis turns out to have lost its memory.",
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the first 64 KiB"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        comment="Entries that could not be read or were not signed.",
    )
    op.create_table(
        "held_tasks",
        sa.Column(
            "job_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="no foreign key: a job that ends leaves nothing here",
        ),
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=False, comment="the hold of a path prefix that stopped it"),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "task_id", name=op.f("pk_held_tasks")),
        comment="Tasks that would be ready, but for a hold of a path prefix: they are no longer looked at.",
    )
    op.create_index("ix_held_tasks_hold_id", "held_tasks", ["hold_id"], unique=False)
    op.create_table(
        "made_once",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of what was asked for"),
        sa.Column("made", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="its id or name"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_made_once")),
        comment="One row a key of who made something with it: asked again, it is the same thing.",
    )
    op.create_table(
        "hub_heartbeat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_hub_heartbeat_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_heartbeat")),
        comment="When the active hub last finished a turn, at most once a second.",
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), server_default="batch", nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("workflow", sa.Text(), nullable=True),
        sa.Column("workflow_version", sa.Integer(), nullable=True),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), server_default="default", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "Pending",
                "Started",
                "Success",
                "Failure",
                "Pausing",
                "Paused",
                "Dequeuing",
                "Cancelled",
                "Waiting",
                "Ready",
                "Working",
                "Complete",
                "Proposed",
                "Allocated",
                "Activated",
                "Prepared",
                "Downloaded",
                "Uploaded",
                "Invalid",
                "Quarantined",
                "Conflicted",
                "Committed",
                "Published",
                "Completed",
                "Archived",
                "Abandoned",
                "Failed",
                name="job_state",
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True, comment="whom it is assigned to"),
        sa.Column("assigned_group", sa.Text(), nullable=True, comment="a group whose members may claim it"),
        sa.Column("claimed_by", sa.Text(), nullable=True, comment="who has it now"),
        sa.Column("extent", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="where: GeoJSON"),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="what its users want to know of it",
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "awaits",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="dependencies that have not been met yet",
        ),
        sa.Column(
            "deadline", sa.DateTime(timezone=True), nullable=True, comment="when it is cancelled, if it has not ended"
        ),
        sa.Column(
            "limits",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="its workflow's tolerance and breaker; null = it is never held by itself",
        ),
        sa.Column(
            "max_running",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="how many tasks may run at once: of it, of its workflow, of actions; null = no limit",
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redrive_of", sa.BigInteger(), nullable=True),
        sa.Column(
            "redrive",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a redrive: which of what did not succeed it takes over",
        ),
        sa.Column(
            "receipt",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a cancelled job: what became of its tasks",
        ),
        sa.Column(
            "dequeue_by",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when what has not stopped counts as stopped",
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.LargeBinary(), nullable=True),
        sa.Column(
            "pruned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="its deletion has begun: it is there for nobody any more",
        ),
        sa.CheckConstraint(
            "kind in ('batch', 'group', 'task', 'edit', 'correction', 'review', 'conflict')", name=op.f("ck_jobs_kind")
        ),
        sa.CheckConstraint(
            "kind = 'batch' and state in ('Pending', 'Started', 'Success', 'Failure', 'Pausing', 'Paused', "
            "'Dequeuing', 'Cancelled') or kind = 'group' and state in ('Pending', 'Started', 'Success', "
            "'Failure', 'Pausing', 'Paused', 'Dequeuing', 'Cancelled') or kind = 'task' and state in ('Waiting', "
            "'Ready', 'Working', 'Complete', 'Cancelled') or kind = 'edit' and state in ('Proposed', "
            "'Allocated', 'Activated', 'Prepared', 'Downloaded', 'Uploaded', 'Invalid', 'Quarantined', "
            "'Conflicted', 'Committed', 'Published', 'Completed', 'Archived', 'Abandoned', 'Failed') or kind = "
            "'correction' and state in ('Allocated', 'Activated', 'Prepared', 'Downloaded', 'Uploaded', "
            "'Committed', 'Completed', 'Archived', 'Abandoned') or kind = 'review' and state in ('Allocated', "
            "'Activated', 'Prepared', 'Downloaded', 'Completed', 'Archived', 'Abandoned') or kind = 'conflict' "
            "and state in ('Allocated', 'Activated', 'Prepared', 'Downloaded', 'Uploaded', 'Committed', "
            "'Completed', 'Archived', 'Abandoned')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint("priority between 0 and 9", name=op.f("ck_jobs_priority")),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name=op.f("fk_jobs_parent_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["redrive_of"], ["jobs.id"], name=op.f("fk_jobs_redrive_of"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("owner", "idempotency_key", name=op.f("uq_jobs_owner_idempotency_key")),
        comment="One row a job.",
    )
    op.create_index("ix_jobs_active", "jobs", ["id"], unique=False, postgresql_where=sa.text("ended_at is null"))
    for column in ("assigned_group", "assignee", "claimed_by"):
        op.create_index(
            f"ix_jobs_{column}",
            "jobs",
            [column],
            unique=False,
            postgresql_where=sa.text(f"{column} is not null and ended_at is null"),
        )
    op.create_index(
        "ix_jobs_deadline",
        "jobs",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("ended_at is null and deadline is not null"),
    )
    op.create_index(
        "ix_jobs_parent_id", "jobs", ["parent_id"], unique=False, postgresql_where=sa.text("parent_id is not null")
    )
    op.create_index("ix_jobs_pruned", "jobs", ["id"], unique=False, postgresql_where=sa.text("pruned_at is not null"))
    op.create_index(
        "ix_jobs_redrive_of", "jobs", ["redrive_of"], unique=False, postgresql_where=sa.text("redrive_of is not null")
    )
    op.create_index("ix_jobs_state_id", "jobs", ["state", "id"], unique=False)
    op.create_table(
        "sites",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("draining", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "first_heard", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("last_heard", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sites")),
        comment="Every site that has announced itself.",
    )
    op.create_table(
        "stale_reports",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_reports")),
        comment="Reports that came late: kept, visible, never applied.",
    )
    op.create_index("ix_stale_reports_task_id", "stale_reports", ["task_id"], unique=False)
    op.create_table(
        "stream_positions",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_stream_positions")),
        comment="How far each stream has been applied, kept in the transaction that applied it.",
    )
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="scrypt, with its salt; null = they have none"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
        comment="People and programs that may use the API.",
    )
    op.create_table(
        "workflows",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workflows")),
        comment="One row a workflow: which version is the current one.",
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("site", sa.Text(), nullable=True, comment="it reaches this site only; null = every one"),
        sa.Column(
            "workflow", sa.Text(), nullable=True, comment="it reaches the jobs of this workflow only; null = every one"
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.BigInteger(), nullable=True, comment="the key that was made in its place"),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name=op.f("fk_api_keys_user_name"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
        comment="SHA-256 of each key; the key itself is shown once.",
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("subtree", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the entry that brought it"),
        sa.Column("place", sa.SmallInteger(), server_default="0", nullable=False, comment="within that entry"),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("paths", sa.LargeBinary(), nullable=False, comment="packed (contracts.paths), stored once"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_batches_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint(
            "job_id", "subtree", "sequence", "place", name=op.f("uq_batches_job_id_subtree_sequence_place")
        ),
        comment="Paths found together that took one rule: one chain each.",
    )
    op.create_table(
        "discoveries",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "rules",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as walkers need them, in the order of the workflow",
        ),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("Waiting", "Running", "Stopped", "Closed", "Broken", name="discovery_state"),
            nullable=False,
        ),
        sa.Column("waiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("running", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stopped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("broken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "memory",
            sa.LargeBinary(),
            nullable=True,
            comment="of changes: the key of what is remembered from run to run",
        ),
        sa.CheckConstraint("broken >= 0", name=op.f("ck_discoveries_broken_not_negative")),
        sa.CheckConstraint("closed >= 0", name=op.f("ck_discoveries_closed_not_negative")),
        sa.CheckConstraint("running >= 0", name=op.f("ck_discoveries_running_not_negative")),
        sa.CheckConstraint("stopped >= 0", name=op.f("ck_discoveries_stopped_not_negative")),
        sa.CheckConstraint("waiting >= 0", name=op.f("ck_discoveries_waiting_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_discoveries_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_discoveries")),
        comment="A job's discovery: what its walks have in common, how many are in each state, what they are together.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "error_groups",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False, comment="-1 = discovery"),
        sa.Column("step", sa.SmallInteger(), nullable=False, comment="-1 = discovery"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False, comment="that of the first"),
        sa.Column("paths", sa.BigInteger(), nullable=False),
        sa.Column(
            "window_paths",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of them in the job's present window",
        ),
        sa.Column("examples", postgresql.ARRAY(sa.LargeBinary()), nullable=False, comment="a few paths"),
        sa.Column("hosts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_error_groups_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "fingerprint", "rule", "step", name=op.f("pk_error_groups")),
        comment="Failures that are alike, counted as they come.",
    )
    op.create_index("ix_error_groups_last_at", "error_groups", ["last_at"], unique=False)
    op.create_table(
        "history",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column(
            "tx",
            sa.BigInteger(),
            server_default=sa.text("cast(cast(pg_current_xact_id() as text) as bigint)"),
            nullable=False,
            comment="the transaction that wrote it: what a listener has not seen",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_history_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_history")),
        comment="What happened to a job, in order.",
    )
    op.create_index("ix_history_tx", "history", ["tx"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), server_default="manual", nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("workflow", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("path_prefix", sa.LargeBinary(), nullable=True),
        sa.Column(
            "keeps",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="tasks back, of a path prefix (held_tasks)",
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind in ('manual', 'tolerance', 'breaker', 'group', 'deadline', 'dependency')", name=op.f("ck_holds_kind")
        ),
        sa.CheckConstraint(
            "num_nonnulls(job_id, site, queue, workflow, owner, path_prefix) > 0", name=op.f("ck_holds_scope")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_holds_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        comment="What stops hand-outs of everything that all its columns of scope agree with; released, never deleted.",
    )
    op.create_index("ix_holds_job_id", "holds", ["job_id"], unique=False)
    op.create_index("ix_holds_keeps", "holds", ["id"], unique=False, postgresql_where=sa.text("keeps"))
    op.create_index(
        "ix_holds_prefix",
        "holds",
        ["id"],
        unique=False,
        postgresql_where=sa.text("path_prefix is not null and released_at is null"),
    )
    op.create_index("ix_holds_open", "holds", ["job_id"], unique=False, postgresql_where=sa.text("released_at is null"))
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="timeout, retries and the like: what is for the hub",
        ),
        sa.Column(
            "waits",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="for the end of discovery, since it changes a folder that is walked",
        ),
        sa.Column("pending", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("success", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failure", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancelled", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("cancelled >= 0", name=op.f("ck_job_steps_cancelled_not_negative")),
        sa.CheckConstraint("error >= 0", name=op.f("ck_job_steps_error_not_negative")),
        sa.CheckConstraint("failure >= 0", name=op.f("ck_job_steps_failure_not_negative")),
        sa.CheckConstraint("pending >= 0", name=op.f("ck_job_steps_pending_not_negative")),
        sa.CheckConstraint("skipped >= 0", name=op.f("ck_job_steps_skipped_not_negative")),
        sa.CheckConstraint("started >= 0", name=op.f("ck_job_steps_started_not_negative")),
        sa.CheckConstraint("step between 0 and 63", name=op.f("ck_job_steps_step")),
        sa.CheckConstraint("success >= 0", name=op.f("ck_job_steps_success_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_steps_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "rule", "step", name=op.f("pk_job_steps")),
        comment="A job's plan, every parameter bound, and how many of its tasks are in each state.",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "lanes",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column(
            "epoch", sa.Integer(), server_default="0", nullable=False, comment="in its queue's name, when more than 0"
        ),
        sa.Column("canary", sa.Text(), nullable=True, comment="the last one sent into its queue"),
        sa.Column("canary_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canary_heard_at", sa.DateTime(timezone=True), nullable=True, comment="null: not yet"),
        sa.Column(
            "partial",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="actions that some of its workers offer, and some do not",
        ),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_lanes_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site", "queue", "function", name=op.f("pk_lanes")),
        comment="The queues that workers serve: whether they hear what is put in, and under which name.",
    )
    op.create_table(
        "later",
        sa.Column(
            "job_id", sa.BigInteger(), nullable=False, comment="no foreign key: a job that ends leaves nothing here"
        ),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "task_id", name=op.f("pk_later")),
        comment="Tasks that are tried again after a while.",
    )
    op.create_index("ix_later_run_after", "later", ["run_after"], unique=False)
    op.create_table(
        "nodes",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("queues", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("pool", sa.Text(), server_default="", nullable=False, comment="what it is made of"),
        sa.Column(
            "limits",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="of each of its processes",
        ),
        sa.Column("running", sa.Integer(), server_default="0", nullable=False),
        sa.Column("draining", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("clock_skew_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("actions", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "versions",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="action -> version",
        ),
        sa.Column("discoveries", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("problems", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("boot", sa.Text(), server_default="", nullable=False, comment="which start of it this is"),
        sa.Column(
            "early_ends",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="starts in a row that soon came to an end",
        ),
        sa.Column(
            "deaf",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="present, but nothing gets through to it",
        ),
        sa.Column(
            "first_heard", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("booted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "last_heard", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_nodes_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site", "node", name=op.f("pk_nodes")),
        comment="Celery workers, as they announce themselves.",
    )
    op.create_table(
        "outcomes",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False, comment="0 = discovery"),
        sa.Column("index", sa.BigInteger(), nullable=False, comment="place in the batch; discovery: a running number"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("redriven_by", sa.BigInteger(), nullable=True, comment="the job that took it over"),
        sa.CheckConstraint("outcome in ('failed', 'aborted', 'skipped')", name=op.f("ck_outcomes_outcome")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_outcomes_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "task_id", "index", name=op.f("pk_outcomes")),
        comment="Paths that were not processed, one by one, with the reason.",
    )
    op.create_index("ix_outcomes_list", "outcomes", ["job_id", "outcome", "task_id", "index"], unique=False)
    op.create_table(
        "progress",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("processed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("aborted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancelled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unmatched", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "open_tasks", sa.BigInteger(), server_default="0", nullable=False, comment="neither ended nor cancelled"
        ),
        sa.Column("bad_tasks", sa.BigInteger(), server_default="0", nullable=False, comment="ended Failure or Error"),
        sa.Column("out", sa.BigInteger(), server_default="0", nullable=False, comment="tasks with a site"),
        sa.Column("troubles", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "stopped",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="tasks that were stopped while they ran",
        ),
        sa.Column(
            "forgiven",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="paths failed before the last release",
        ),
        sa.Column("ended_before", sa.BigInteger(), server_default="0", nullable=False, comment="paths ended before it"),
        sa.Column(
            "window_from",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="paths ended when the breaker's present window began",
        ),
        sa.Column(
            "dequeued_to",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="tasks up to this id are dequeued",
        ),
        sa.CheckConstraint("aborted >= 0", name=op.f("ck_progress_aborted_not_negative")),
        sa.CheckConstraint("bad_tasks >= 0", name=op.f("ck_progress_bad_tasks_not_negative")),
        sa.CheckConstraint("cancelled >= 0", name=op.f("ck_progress_cancelled_not_negative")),
        sa.CheckConstraint("failed >= 0", name=op.f("ck_progress_failed_not_negative")),
        sa.CheckConstraint("open_tasks >= 0", name=op.f("ck_progress_open_tasks_not_negative")),
        sa.CheckConstraint("out >= 0", name=op.f("ck_progress_out_not_negative")),
        sa.CheckConstraint("processed >= 0", name=op.f("ck_progress_processed_not_negative")),
        sa.CheckConstraint("skipped >= 0", name=op.f("ck_progress_skipped_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_progress_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_progress")),
        comment="A job's counters, written with what they count: paths once each, and what its end is decided on.",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "ready",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column(
            "job_id", sa.BigInteger(), nullable=False, comment="no foreign key: a job that ends leaves nothing here"
        ),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("site", "queue", "function", "job_id", "task_id", name=op.f("pk_ready")),
        comment="Tasks that could be handed out now.",
    )
    op.create_table(
        "site_actions",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=True),
        sa.Column("runs_in", sa.Text(), server_default="", nullable=False, comment="the function that it asks for"),
        sa.Column(
            "longest_s",
            sa.Double(),
            nullable=True,
            comment="of all its tasks here that came to an end by themselves",
        ),
        sa.Column(
            "changes",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="parameters that name a folder it changes",
        ),
        sa.Column(
            "last_offered", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_site_actions_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site", "action", "function", name=op.f("pk_site_actions")),
        comment="What each site has offered to run, with the JSON Schema of its parameters.",
    )
    op.create_table(
        "stances",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False, comment="empty: every queue"),
        sa.Column("function", sa.Text(), nullable=False, comment="empty: every function"),
        sa.Column("disabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("draining", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("queue <> '' or function <> ''", name=op.f("ck_stances_of_a_part")),
        sa.CheckConstraint("disabled or draining", name=op.f("ck_stances_says_something")),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_stances_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site", "queue", "function", name=op.f("pk_stances")),
        comment="Queues and functions of a site that are given nothing new, while the site as a whole is.",
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False, comment="batch << 6 | step"),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("Pending", "Started", "Success", "Error", "Failure", "Skipped", "Cancelled", name="task_state"),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("crashes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("given", sa.Integer(), server_default="0", nullable=False),
        sa.Column("processed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("aborted", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "given_bits", sa.LargeBinary(), nullable=True, comment="which of the batch's paths it was given; null = all"
        ),
        sa.Column(
            "settled_bits",
            sa.LargeBinary(),
            nullable=True,
            comment="which have their final outcome before the task ends; null = none",
        ),
        sa.Column("suspect_bits", sa.LargeBinary(), nullable=True, comment="among which a process died; null = none"),
        sa.Column(
            "passed_bits", sa.LargeBinary(), nullable=True, comment="which of the settled ones go on; null = none"
        ),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column(
            "redriven_by",
            sa.BigInteger(),
            nullable=True,
            comment="the job that took over its paths without a good end or a row of their own",
        ),
        sa.Column(
            "stopped",
            postgresql.ENUM(name="task_state", create_type=False),
            sa.Computed(
                "case when state = 'Error' or state in ('Failure', 'Cancelled') and given > 0 then state end",
                persisted=True,
            ),
            nullable=True,
            comment="its state, where paths came to a stop in it",
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("processed + skipped + failed + aborted <= given", name=op.f("ck_tasks_outcomes")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tasks_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        comment="One step of a chain over one batch: from start to end one row.",
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index("ix_tasks_job_id_id", "tasks", ["job_id", "id"], unique=False)
    op.create_index(
        "ix_tasks_left",
        "tasks",
        ["job_id", "id"],
        unique=False,
        postgresql_where=sa.text("stopped in ('Failure', 'Cancelled') and redriven_by is null"),
    )
    op.create_index(
        "ix_tasks_stopped",
        "tasks",
        ["job_id", "stopped", "id"],
        unique=False,
        postgresql_where=sa.text("stopped is not null"),
    )
    op.create_table(
        "walks",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("subtree", sa.Integer(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("Waiting", "Running", "Stopped", "Closed", "Broken", name="discovery_state"),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True, comment="of the message under which it is with a site"),
        sa.Column("redriven_by", sa.BigInteger(), nullable=True, comment="the job that goes on with it"),
        sa.Column(
            "by_hub",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="done by the hub itself: given names, a stream, what changes come to, what an earlier job left",
        ),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "begun_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when its present walker was first heard of",
        ),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_walks_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "subtree", name=op.f("pk_walks")),
        comment="One subtree each, with attempt and cursor as a task has.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_walks_by_hub", "walks", ["job_id"], unique=False, postgresql_where=sa.text("by_hub and ended_at is null")
    )
    op.create_index(
        "ix_walks_stopped",
        "walks",
        ["job_id", "subtree"],
        unique=False,
        postgresql_where=sa.text("state = 'Stopped' and ended_at is null"),
    )
    op.create_index(
        "ix_walks_live", "walks", ["job_id", "subtree"], unique=False, postgresql_where=sa.text("ended_at is null")
    )
    op.create_index(
        "ix_walks_out",
        "walks",
        ["job_id", "subtree"],
        unique=False,
        postgresql_where=sa.text("ended_at is null and (handed_at is not null or state = 'Running')"),
    )
    op.create_table(
        "workflow_versions",
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["workflow"], ["workflows.name"], name=op.f("fk_workflow_versions_workflow"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workflow", "version", name=op.f("pk_workflow_versions")),
        comment="What a workflow was at each version; never changed.",
    )
    op.create_table(
        "carries",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("carry", sa.LargeBinary(), nullable=False, comment="packed (contracts.paths.Carry)"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_carries_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_carries")),
        comment="Names and notes that a task was handed by the step before it.",
    )
    op.create_table(
        "parcels",
        sa.Column("id", sa.Text(), nullable=False, comment="of its message, too"),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False, comment="what its tasks might take, all in all"),
        sa.Column("node", sa.Text(), nullable=True, comment="who claimed it"),
        sa.Column("handed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_parcels_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
        comment="Messages that hand out tasks: as long as a task of it is with the site.",
    )
    op.create_index("ix_parcels_job_id", "parcels", ["job_id"], unique=False)
    op.create_table(
        "handouts",
        sa.Column(
            "task_id",
            sa.BigInteger(),
            nullable=False,
            comment="no foreign keys: a task that ends leaves nothing here, and they would cost as much as all else",
        ),
        sa.Column("parcel", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column(
            "tried_bits",
            sa.LargeBinary(),
            nullable=True,
            comment="which paths this attempt handles; null = all that it was given",
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_handouts")),
        comment="Tasks that are with a site: few, whatever the size of a job.",
    )
    op.create_index("ix_handouts_parcel", "handouts", ["parcel"], unique=False)
    op.create_table(
        "restarts",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("node", sa.Text(), nullable=True, comment="whose turn it is"),
        sa.Column("boot", sa.Text(), nullable=True, comment="the start of it that is asked to end"),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False, comment="how often that start was asked"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="null: under way"),
        sa.Column("problem", sa.Text(), nullable=True, comment="why it ended before all had been restarted"),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_restarts_site"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_restarts")),
        comment="The last restart of each site, one worker after the other.",
    )
    op.create_table(
        "task_logs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False, comment="as of Python's logging"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "path", sa.LargeBinary(), nullable=True, comment="what was being worked on; null = the task as a whole"
        ),
        sa.Column("logger", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_task_logs_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_logs")),
        comment="What was logged while tasks ran, in the order in which it came.",
    )
    op.create_index("ix_task_logs_job_id_id", "task_logs", ["job_id", "id"], unique=False)
    op.create_index("ix_task_logs_task_id_id", "task_logs", ["task_id", "id"], unique=False)
    op.create_table(
        "task_progress",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "path", sa.LargeBinary(), nullable=True, comment="the one that is worked on; null = the task as a whole"
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_progress_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_task_progress")),
        comment="How far tasks said they were when they last did.",
    )
    _people()
    _worklist()
    _changes()
    _streams()
    _edits()
    _schedules()
    _forecasts()
    _tallies()
    op.execute(guards.FUNCTION)
    for trigger in guards.triggers().values():
        op.execute(trigger)
    _ledger()


def _ledger() -> None:
    """What people ask the database for themselves."""
    op.execute(ledger_views.FUNCTION)
    for view in ledger_views.VIEWS.values():
        op.execute(view)


def _people() -> None:
    """Groups of users, and the work that is done in groups of tasks."""
    op.create_table(
        "groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
        comment="Groups of users, to which work can be assigned.",
    )
    op.create_table(
        "group_members",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_name"], ["groups.name"], name=op.f("fk_group_members_group_name"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name=op.f("fk_group_members_user_name"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_name", "user_name", name=op.f("pk_group_members")),
        comment="Who is in which group.",
    )
    op.create_index("ix_group_members_user_name", "group_members", ["user_name"], unique=False)
    op.create_table(
        "task_groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column(
            "tasks", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="in order, as they were given"
        ),
        sa.Column(
            "attributes_schema",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of its jobs' attributes; null = they may be any",
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_task_groups")),
        comment="What tasks a group has; group jobs copy them, so that a change is for later ones.",
    )
    op.create_table(
        "group_jobs",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("task_group", sa.Text(), nullable=False),
        sa.Column("advance", sa.Text(), nullable=False),
        sa.Column("current_task", sa.BigInteger(), nullable=True, comment="a row of it; null = none is chosen"),
        sa.Column("percent_complete", sa.Float(), server_default="0", nullable=False),
        sa.Column(
            "due",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="it goes on by itself once nothing holds it back",
        ),
        sa.CheckConstraint("advance in ('auto', 'manual')", name=op.f("ck_group_jobs_advance")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_group_jobs_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_group_jobs")),
        comment="What a job of kind group has beside a job's own columns.",
    )
    op.create_index("ix_group_jobs_due", "group_jobs", ["job_id"], unique=False, postgresql_where=sa.text("due"))
    op.create_table(
        "group_tasks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False, comment="from 1; a row inserted before others moves them on"),
        sa.Column("task_group", sa.Text(), nullable=False, comment="the definition that it came from"),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("status", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("assigned_group", sa.Text(), nullable=True),
        sa.Column(
            "run",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of an automatic task: the workflow, site, paths and fields",
        ),
        sa.Column("on_failure", sa.Text(), server_default="hold", nullable=False),
        sa.Column("effort", sa.Float(), server_default="1", nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True, comment="its job, once its turn has come"),
        sa.Column(
            "run_id",
            sa.BigInteger(),
            nullable=True,
            comment="of an automatic task: the run that has not been heard of yet",
        ),
        sa.Column("listed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("listed_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("on_failure in ('hold', 'fail')", name=op.f("ck_group_tasks_on_failure")),
        sa.CheckConstraint("effort > 0", name=op.f("ck_group_tasks_effort")),
        sa.CheckConstraint("status in (0, 1, 2, 5, 10)", name=op.f("ck_group_tasks_status")),
        sa.ForeignKeyConstraint(["group_id"], ["jobs.id"], name=op.f("fk_group_tasks_group_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_group_tasks_job_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["run_id"], ["jobs.id"], name=op.f("fk_group_tasks_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_tasks")),
        sa.UniqueConstraint(
            "group_id", "order", deferrable=True, initially="DEFERRED", name=op.f("uq_group_tasks_group_id_order")
        ),
        sa.UniqueConstraint("job_id", name=op.f("uq_group_tasks_job_id")),
        comment="The rows of a group job's list, with the published codes: 1, 2, 5, 10, and our own 0 for Cancelled.",
    )
    op.create_index(
        "ix_group_tasks_run_id", "group_tasks", ["run_id"], unique=False, postgresql_where=sa.text("run_id is not null")
    )


def _worklist() -> None:
    """What waits for people, what waits for other jobs, and what is to be told to webhooks."""
    op.create_table(
        "asks",
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False, comment="empty: every worker is asked"),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="when its step's default is taken"),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "look_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the hub looks at it next: its claim or its deadline is over",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_asks_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_asks_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_asks")),
        comment="Tasks that wait for people: as long as they do.",
    )
    op.create_index("ix_asks_group", "asks", ["group_name", "job_id", "task_id"], unique=False)
    op.create_index(
        "ix_asks_claimed",
        "asks",
        ["claimed_by", "job_id", "task_id"],
        unique=False,
        postgresql_where=sa.text("claimed_by is not null"),
    )
    op.create_index("ix_asks_job_id", "asks", ["job_id", "task_id"], unique=False)
    op.create_index(
        "ix_asks_look_at", "asks", ["look_at"], unique=False, postgresql_where=sa.text("look_at is not null")
    )
    op.create_table(
        "task_history",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("paths", sa.Integer(), nullable=True, comment="how many it is about"),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_task_history_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "task_id", "seq", name=op.f("pk_task_history")),
        comment="What people did with a task, in order.",
    )
    op.create_table(
        "dependencies",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "on_job",
            sa.BigInteger(),
            nullable=False,
            comment="no foreign key: it may be forgotten once it has ended",
        ),
        sa.Column("wanted", sa.Text(), nullable=False, comment="the state that it has to have come to"),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="written with the state of the other job; null = not yet"
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True, comment="when the job was told"),
        sa.CheckConstraint("outcome in ('met', 'never')", name=op.f("ck_dependencies_outcome")),
        sa.CheckConstraint("job_id <> on_job", name=op.f("ck_dependencies_another")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_dependencies_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "on_job", name=op.f("pk_dependencies")),
        comment="A job may not begin until another is at least at a state.",
    )
    op.create_index(
        "ix_dependencies_open", "dependencies", ["on_job"], unique=False, postgresql_where=sa.text("outcome is null")
    )
    op.create_index(
        "ix_dependencies_news",
        "dependencies",
        ["job_id"],
        unique=False,
        postgresql_where=sa.text("outcome is not null and settled_at is null"),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=True, comment="of a job's history; null = all"),
        sa.Column("workflow", sa.Text(), nullable=True, comment="of whose jobs; null = of all jobs"),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "failures",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="in a row: it did not answer, or badly",
        ),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True, comment="nothing is sent to it before"),
        sa.Column(
            "delivered_at", sa.DateTime(timezone=True), nullable=True, comment="the last time that it took something"
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        comment="Where events of jobs are sent to.",
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "job_id", sa.BigInteger(), nullable=False, comment="no foreign key: what is told needs no job any more"
        ),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True, comment="given up, after so many attempts"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        comment="The outbox: written with the history, deleted once it has been taken.",
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["webhook_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("dead_at is null"),
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["webhook_id", "id"],
        unique=False,
        postgresql_where=sa.text("dead_at is not null"),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attachments_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_attachments_job_id_name")),
        comment="Files that belong to jobs; a file without a row is nobody's, and is removed.",
    )


def _changes() -> None:
    """What discovery of changes remembers."""
    op.create_table(
        "memories",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column(
            "key", sa.LargeBinary(), nullable=False, comment="of the workflow, the site and the values of the fields"
        ),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True, comment="the last that looked for changes"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_memories_job_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memories")),
        sa.UniqueConstraint("key", "root", name=op.f("uq_memories_key_root")),
        comment="One for each starting folder of a workflow at a site.",
    )
    op.create_index("ix_memories_job_id", "memories", ["job_id"], unique=False)
    op.create_table(
        "remembered",
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column(
            "at", sa.Uuid(), nullable=False, comment="MD5 of the folder: a path may be longer than an index takes"
        ),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("folder", sa.LargeBinary(), nullable=False, comment="with its slash at the end"),
        *_stamp(),
        sa.ForeignKeyConstraint(["memory"], ["memories.id"], name=op.f("fk_remembered_memory"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("memory", "at", "name", name=op.f("pk_remembered")),
        comment="A path as it was when a chain came to a good end with it, or nobody wanted to know of it.",
    )
    op.create_index("ix_remembered_inode", "remembered", ["memory", "inode"], unique=False)
    op.create_table(
        "open_changes",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "gone", sa.Boolean(), nullable=False, comment="it is not there any more; else it is new, and may have moved"
        ),
        sa.Column("depth", sa.Integer(), nullable=False, comment="bytes of its folder: more than of those above it"),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("folder", sa.LargeBinary(), nullable=False),
        *_stamp(),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_open_changes_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["memory"], ["memories.id"], name=op.f("fk_open_changes_memory"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "gone", "depth", "memory", "at", "name", name=op.f("pk_open_changes")),
        comment="What can only be told once all has been looked at: whether a path has moved, is new, or gone.",
    )
    op.create_index("ix_open_changes_memory", "open_changes", ["memory"], unique=False)
    op.create_index("ix_open_changes_inode", "open_changes", ["job_id", "gone", "memory", "inode"], unique=False)


def _streams() -> None:
    """Jobs whose paths are sent to the API."""
    op.create_table(
        "streams",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "lines",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="that are kept: where a sender goes on whose connection broke",
        ),
        sa.Column(
            "sequence", sa.BigInteger(), server_default="0", nullable=False, comment="of the last entry that they made"
        ),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True, comment="when the last were"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True, comment="there will be no more"),
        sa.CheckConstraint("lines >= 0", name=op.f("ck_streams_lines_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_streams_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_streams")),
        comment="How much of a stream of paths is kept, in the transaction that keeps it.",
        postgresql_with={"fillfactor": "50"},
    )


def _schedules() -> None:
    """What is submitted by itself, and when."""
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="who said last what it does; its jobs are theirs"),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column(
            "definition",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as contracts/schedule.py has it",
        ),
        sa.Column("anchor", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "next_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is due; null = it is paused, or never again",
        ),
        sa.Column("job_id", sa.BigInteger(), nullable=True, comment="the last that it started"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_schedules_job_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("name", name=op.f("uq_schedules_name")),
        comment="What is submitted by itself, and when.",
    )
    for column in ("next_at", "job_id"):
        op.create_index(
            f"ix_schedules_{column}",
            "schedules",
            [column],
            unique=False,
            postgresql_where=sa.text(f"{column} is not null"),
        )
    op.create_table(
        "firings",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True, comment="who asked for it; null = its time came"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('queued', 'started', 'skipped', 'failed', 'missed')", name=op.f("ck_firings_outcome")
        ),
        sa.CheckConstraint("(outcome = 'started') = (job_id is not null)", name=op.f("ck_firings_job")),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_firings_schedule_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_firings_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firings")),
        sa.UniqueConstraint("schedule_id", "due_at", name=op.f("uq_firings_schedule_id_due_at")),
        comment="A time at which a schedule was due, once each, with its job, or why it has none.",
    )
    op.create_index("ix_firings_schedule_id_id", "firings", ["schedule_id", "id"], unique=False)
    op.create_index(
        "ix_firings_job_id", "firings", ["job_id"], unique=False, postgresql_where=sa.text("job_id is not null")
    )
    op.create_index(
        "ix_firings_queued",
        "firings",
        ["schedule_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'queued'"),
    )


def _forecasts() -> None:
    """Dry runs: what would run."""
    op.create_table(
        "forecasts",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("batches", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paths", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("batches >= 0 and paths >= 0", name=op.f("ck_forecasts_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_forecasts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "rule", name=op.f("pk_forecasts")),
        comment="A row for each rule of a job that is a dry run: what took it. A job without one is run.",
        postgresql_with={"fillfactor": "50"},
    )


def _edits() -> None:
    """Edit jobs and their types."""
    moment = {"server_default": sa.text("clock_timestamp()"), "nullable": False}
    op.create_table(
        "job_types",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), **moment),
        sa.Column("updated_at", sa.DateTime(timezone=True), **moment),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_types")),
        comment="One row a type of edit jobs: which version is the current one.",
    )
    op.create_table(
        "job_type_versions",
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), **moment),
        sa.ForeignKeyConstraint(
            ["job_type"], ["job_types.name"], name=op.f("fk_job_type_versions_job_type"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_type", "version", name=op.f("pk_job_type_versions")),
        comment="What a type was at each version; never changed. A job keeps the one that it began with.",
    )
    op.create_table(
        "edit_jobs",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("job_type_version", sa.Integer(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False, comment="of its type, which can not change"),
        sa.Column("quarantine", sa.Boolean(), nullable=False, comment="what is uploaded has to be looked at"),
        sa.Column(
            "approved",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="what was uploaded last has been",
        ),
        sa.Column(
            "merged",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="some of it may be in the live data",
        ),
        sa.Column(
            "stage",
            sa.Text(),
            nullable=True,
            comment="what the system is at; null = it is somebody else's turn, or nobody's",
        ),
        sa.Column(
            "step_job_id",
            sa.BigInteger(),
            nullable=True,
            comment="the run of the present step: no other's ending counts",
        ),
        sa.Column(
            "go_on_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from when on the system has something to do with it by itself; null = nothing",
        ),
        sa.Column(
            "discard",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="its workspace is of no use any more",
        ),
        sa.Column(
            "tries",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="of the present step, before this one",
        ),
        sa.Column(
            "failures",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a job that another waits for: what is wrong, path by path",
        ),
        sa.Column("decision", sa.Text(), nullable=True, comment="of a review"),
        sa.Column("time_spent_s", sa.Float(), server_default="0", nullable=False, comment="as people say it"),
        sa.Column("planned_start", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode in ('manual', 'batch', 'read_only')", name=op.f("ck_edit_jobs_mode")),
        sa.CheckConstraint(
            "stage in ('extracting', 'editing', 'validating', 'reconciling', 'committing', 'publishing', 'cleaning')",
            name=op.f("ck_edit_jobs_stage"),
        ),
        sa.CheckConstraint("step_job_id is null or stage is not null", name=op.f("ck_edit_jobs_step_job_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_edit_jobs_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["step_job_id"], ["jobs.id"], name=op.f("fk_edit_jobs_step_job_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["job_type", "job_type_version"],
            ["job_type_versions.job_type", "job_type_versions.version"],
            name=op.f("fk_edit_jobs_job_type_job_type_version"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_edit_jobs")),
        comment="What an edit job, or a job that one waits for, has beside a job's own columns.",
    )
    for name, columns, where in (
        ("go_on_at", ["go_on_at"], "go_on_at is not null"),
        ("job_type", ["job_type", "job_type_version"], None),
        ("step_job_id", ["step_job_id"], "step_job_id is not null"),
    ):
        condition = where and sa.text(where)
        op.create_index(f"ix_edit_jobs_{name}", "edit_jobs", columns, unique=False, postgresql_where=condition)
    op.create_index(
        "ix_jobs_reviews",
        "jobs",
        ["id"],
        unique=False,
        postgresql_where=sa.text(
            "kind = 'review' and assignee is null and assigned_group is null and ended_at is null"
        ),
    )


def _tallies() -> None:
    """What has happened, counted for metrics."""
    op.create_table(
        "tallies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("n", sa.Double(), nullable=False),
        comment="How often things have happened: a count is the sum of its rows, and the hub makes one of many.",
    )


def _stamp() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("inode", "size", "mtime_ns")),
    ]
