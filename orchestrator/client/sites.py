"""Sites, and the health of the service itself."""

import httpx

from orchestrator.client.ask import Asker, Document, segment


class Sites(Asker):
    """The part of the client that has to do with sites."""

    def site(self, name: str) -> Document:
        """One site, its nodes, queues and actions."""
        return self.request("GET", f"/sites/{segment(name)}")

    def readiness(self) -> httpx.Response:
        """``/health/ready`` as it is answered, 503 included: outside ``/api/v1``, and no key is needed."""
        try:
            return self.http.get(f"{self.url}/health/ready", timeout=10)
        except httpx.TransportError as error:
            raise self.silent(error) from error
