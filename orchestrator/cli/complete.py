"""What the shell offers while somebody types: jobs, workflows and sites of the service that is meant; else nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from orchestrator.cli.connect import find_client
from orchestrator.client import Document
from orchestrator.errors import OrchestratorError

_PATIENCE_S = 1.0
"""Nobody waits longer for a suggestion."""
_MOST = 50

Offer = tuple[str, str]
"""A word, and what is said of it."""


def job_ids(incomplete: str) -> list[Offer]:
    """The newest jobs."""
    return _offers("/jobs", incomplete, lambda one: (str(one["id"]), f"{one['state']} {one['workflow'] or ''}"))


def workflows(incomplete: str) -> list[Offer]:
    """Workflows that are offered to people."""
    return _offers("/workflows", incomplete, lambda one: (one["name"], one.get("label") or ""))


def sites(incomplete: str) -> list[Offer]:
    """Sites, with their health."""
    return _offers("/sites", incomplete, lambda one: (one["name"], one["health"]))


def _offers(path: str, incomplete: str, offer: Callable[[Document], Offer]) -> list[Offer]:
    return [one for one in map(offer, _items(path)) if one[0].startswith(incomplete)]


def _items(path: str) -> Iterator[Document]:
    # Whatever is wrong is told when the command is called; here it would be in the way.
    with suppress(OrchestratorError), find_client() as client:
        client.http.timeout = _PATIENCE_S
        yield from client.pages(path, limit=_MOST)
