"""``object-store``: every object below the given URLs, in the order of their names."""

import os
from collections.abc import Iterator

from orchestrator.contracts.paths import PathList, is_url
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Finding
from workers.discovery.recursive import recursive
from workers.registry import discovery


@discovery("object-store")
def object_store(
    ctx: DiscoveryContext, start: PathList, cursor: bytes | None, *, skip_missing: bool = False
) -> Iterator[Finding]:
    """List the given URLs, of stores of this site. ``skip_missing``: one below which nothing is is no error."""
    if other := next((path for path in start.paths if not is_url(path)), None):
        raise DiscoveryError(f"{os.fsdecode(other)}: is no URL of a store, such as s3://bucket/folder")
    yield from recursive(ctx, start, cursor, skip_missing=skip_missing)
