"""Workflows."""

from collections.abc import Iterator

from orchestrator.client.ask import Asker, Document, segment


class Workflows(Asker):
    """The part of the client that has to do with workflows."""

    def workflow(self, name: str) -> Document:
        """One workflow, its newest version."""
        return self.request("GET", f"/workflows/{segment(name)}")

    def workflow_version(self, name: str, version: int) -> Document:
        """One workflow, as it was at a version."""
        return self.request("GET", f"/workflows/{segment(name)}/versions/{version}")

    def workflow_versions(self, name: str) -> Iterator[Document]:
        """Every version of a workflow, the newest first."""
        return self.pages(f"/workflows/{segment(name)}/versions")

    def compare_workflow(self, name: str, before: int | None = None, after: int | None = None) -> Document:
        """What two versions say differently; the newest and the one before it, unless others are named."""
        versions = {"from": before, "to": after}
        asked = {key: version for key, version in versions.items() if version is not None}
        return self.request("GET", f"/workflows/{segment(name)}/diff", params=asked)

    def apply_workflow(self, name: str, definition: Document) -> Document:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name."""
        return self.keep("/workflows", name, definition)

    def delete_workflow(self, name: str) -> Document:
        """Delete a workflow; its jobs keep the version that they run."""
        return self.request("DELETE", f"/workflows/{segment(name)}")
