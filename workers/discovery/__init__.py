"""The ways to find paths that come with every site, and what authors of others need (docs/discovery.md).

Importing this registers the former.
"""

from workers.discovery.changes import changes
from workers.discovery.finding import (
    ALIVE,
    DiscoveryContext,
    DiscoveryError,
    Finding,
    Found,
    Listing,
    Share,
    Sighted,
    Trouble,
)
from workers.discovery.given import given
from workers.discovery.listing import listing
from workers.discovery.object_store import object_store
from workers.discovery.recursive import recursive
from workers.registry import discovery

__all__ = [
    "ALIVE",
    "DiscoveryContext",
    "DiscoveryError",
    "Finding",
    "Found",
    "Listing",
    "Share",
    "Sighted",
    "Trouble",
    "changes",
    "discovery",
    "given",
    "listing",
    "object_store",
    "recursive",
]
