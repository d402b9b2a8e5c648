"""Workflows."""

from collections.abc import Mapping
from typing import Any

from orchestrator.client.ask import Ask, delete, get, keep, listed, segment
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts.views import Page
from orchestrator.contracts.views.workflows import WorkflowDifference
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
    def apply_workflow(self, name: str, definition: Mapping[str, Any]) -> Ask[WorkflowVersion]:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name."""
        return keep("/workflows", name, WorkflowVersion, definition)

    @Operation
    def limit_workflow(self, name: str, **limits: object) -> Ask[WorkflowVersion]:
        """Limit how much runs at once from now on: ``max_running``, and ``actions`` by name; None takes one away."""
        return Ask(method="PATCH", path=f"/workflows/{segment(name)}", answer=WorkflowVersion, document=limits)

    @Operation
    def delete_workflow(self, name: str) -> Ask[None]:
        """Delete a workflow; its jobs keep the version that they run."""
        return delete(f"/workflows/{segment(name)}")
