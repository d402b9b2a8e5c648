"""Workflows."""

from collections.abc import Mapping
from typing import Any

from orchestrator.client.ask import Ask, delete, get, keep, listed, only, post, segment
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts.views import Page
from orchestrator.contracts.views.workflows import Verdict, WorkflowDifference
from orchestrator.contracts.workflow import WorkflowVersion


class Workflows:
    """What has to do with workflows."""

    @Listing
    def workflows(self, *, limit: int | None = None) -> Ask[Page[WorkflowVersion]]:
        """The newest version of each, by name."""
        return listed("/workflows", WorkflowVersion, limit=limit)

    @Operation
    def workflow(self, name: str) -> Ask[WorkflowVersion]:
        """One workflow, its newest version."""
        return get(f"/workflows/{segment(name)}", WorkflowVersion)

    @Operation
    def workflow_version(self, name: str, version: int) -> Ask[WorkflowVersion]:
        """One workflow, as it was at a version."""
        return get(f"/workflows/{segment(name)}/versions/{version}", WorkflowVersion)

    @Listing
    def workflow_versions(self, name: str, *, limit: int | None = None) -> Ask[Page[WorkflowVersion]]:
        """Its versions, the newest first."""
        return listed(f"/workflows/{segment(name)}/versions", WorkflowVersion, limit=limit)

    @Operation
    def compare_workflow(
        self, name: str, before: int | None = None, after: int | None = None
    ) -> Ask[WorkflowDifference]:
        """What two versions say differently; the newest and the one before it, unless others are named."""
        return get(f"/workflows/{segment(name)}/diff", WorkflowDifference, **{"from": before, "to": after})

    @Operation
    def apply_workflow(
        self, name: str, definition: Mapping[str, Any], *, over: int | None = None
    ) -> Ask[WorkflowVersion]:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name.

        Only while ``over`` is the newest version, if that is given; else Changed.
        """
        return only(keep("/workflows", name, WorkflowVersion, definition), over)

    @Operation
    def validate_workflow(self, definition: Mapping[str, Any]) -> Ask[Verdict]:
        """Whether a definition could be used, and what is in the way; nothing is kept."""
        return post("/workflows/validate", Verdict, definition)

    @Operation
    def workflow_schema(self) -> Ask[dict[str, Any]]:
        """The JSON Schema of definitions."""
        return get("/workflows/schema", dict[str, Any])

    @Operation
    def delete_workflow(self, name: str, *, over: int | None = None) -> Ask[None]:
        """Delete a workflow, if ``over`` is given only at that version; its jobs keep the version that they run."""
        return only(delete(f"/workflows/{segment(name)}"), over)
