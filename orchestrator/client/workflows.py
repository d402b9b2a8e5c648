"""Workflows."""

from orchestrator.client.ask import Asker, Document, segment


class Workflows(Asker):
    """The part of the client that has to do with workflows."""

    def workflow(self, name: str) -> Document:
        """One workflow, its newest version."""
        return self.request("GET", f"/workflows/{segment(name)}")

    def apply_workflow(self, name: str, definition: Document) -> Document:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name."""
        return self.keep("/workflows", name, definition)

    def delete_workflow(self, name: str) -> Document:
        """Delete a workflow; its jobs keep the version that they run."""
        return self.request("DELETE", f"/workflows/{segment(name)}")
