"""Every table, and what each is for. Hot ones are narrow, with few indexes, and leave room for updates in place.

A task's id is made of its batch's id and its step (domain/chain.py), so that a chain's rows lie together.
"""

from orchestrator.storage.tables.access import api_keys, audit, group_members, groups, users
from orchestrator.storage.tables.asks import asks, task_history
from orchestrator.storage.tables.attachments import attachments
from orchestrator.storage.tables.changes import memories, open_changes, remembered
from orchestrator.storage.tables.columns import metadata
from orchestrator.storage.tables.dependencies import dependencies
from orchestrator.storage.tables.discovery import batches, discoveries, walks
from orchestrator.storage.tables.edits import edit_jobs, job_type_versions, job_types
from orchestrator.storage.tables.fleet import lanes, nodes, site_actions, sites, stances
from orchestrator.storage.tables.forecasts import forecasts
from orchestrator.storage.tables.held import held_tasks
from orchestrator.storage.tables.hub import broker, dead_letters, hub_heartbeat, stale_reports, stream_positions
from orchestrator.storage.tables.jobs import history, holds, job_steps, jobs, progress
from orchestrator.storage.tables.logs import task_logs, task_progress
from orchestrator.storage.tables.once import made_once
from orchestrator.storage.tables.people import group_jobs, group_tasks, task_groups
from orchestrator.storage.tables.restarts import restarts
from orchestrator.storage.tables.schedules import firings, schedules
from orchestrator.storage.tables.streams import streams
from orchestrator.storage.tables.tallies import tallies
from orchestrator.storage.tables.tasks import carries, error_groups, handouts, later, outcomes, parcels, ready, tasks
from orchestrator.storage.tables.webhooks import deliveries, webhooks
from orchestrator.storage.tables.workflows import workflow_versions, workflows

__all__ = [
    "api_keys",
    "asks",
    "attachments",
    "audit",
    "batches",
    "broker",
    "carries",
    "dead_letters",
    "deliveries",
    "dependencies",
    "discoveries",
    "edit_jobs",
    "error_groups",
    "firings",
    "forecasts",
    "group_jobs",
    "group_members",
    "group_tasks",
    "groups",
    "handouts",
    "held_tasks",
    "history",
    "holds",
    "hub_heartbeat",
    "job_steps",
    "job_type_versions",
    "job_types",
    "jobs",
    "lanes",
    "later",
    "made_once",
    "memories",
    "metadata",
    "nodes",
    "open_changes",
    "outcomes",
    "parcels",
    "progress",
    "ready",
    "remembered",
    "restarts",
    "schedules",
    "site_actions",
    "sites",
    "stale_reports",
    "stances",
    "stream_positions",
    "streams",
    "tallies",
    "task_groups",
    "task_history",
    "task_logs",
    "task_progress",
    "tasks",
    "users",
    "walks",
    "webhooks",
    "workflow_versions",
    "workflows",
]
