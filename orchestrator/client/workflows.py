"""Workflows."""

from orchestrator.client.ask import ApiRefused, Asker, Document, segment


class Workflows(Asker):
    """The part of the client that has to do with workflows."""

    def workflow(self, name: str) -> Document:
        """One workflow, its newest version."""
        return self.request("GET", f"/workflows/{segment(name)}")

    def apply_workflow(self, name: str, definition: Document) -> Document:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name."""
        try:
            return self.request("PUT", f"/workflows/{segment(name)}", definition)
        except ApiRefused as refused:
            if refused.status != 404:
                raise
        return self.request("POST", "/workflows", definition)

    def delete_workflow(self, name: str) -> Document:
        """Delete a workflow; its jobs keep the version that they run."""
        return self.request("DELETE", f"/workflows/{segment(name)}")
