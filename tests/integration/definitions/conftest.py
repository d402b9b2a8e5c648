"""Two sites that have announced themselves, and what they offer."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, insert

from orchestrator.api.app import make_app
from orchestrator.services.keys import ensure_admin_key
from orchestrator.storage.tables import site_actions, sites
from tests.asking import asking
from tests.integration.api.conftest import served


def schema(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


OFFERED = {
    "noop": schema(),
    "fs.checksum": schema(algorithm={"enum": ["sha256", "blake2b"]}),
    "fs.copy": schema(("destination",), destination={"type": "string"}, verify={"type": "boolean"}),
    "raster.tile": schema(zoom={"type": "integer", "minimum": 0, "maximum": 24}, name={"anyOf": [{"type": "null"}]}),
}
ONLY_IN_PARIS = {"sleep": schema(seconds={"type": "number"})}
LATER_IN_PARIS = {"raster.tile": schema(zoom={"type": "integer"}, dpi={"type": "integer"})}


@pytest.fixture
def offering(engine: Engine) -> Engine:
    """A database in which london and paris are known."""
    paris = OFFERED | ONLY_IN_PARIS | LATER_IN_PARIS
    with engine.begin() as tx:
        tx.execute(insert(sites), [{"name": "london"}, {"name": "paris"}])
        for site, actions in (("london", OFFERED), ("paris", paris)):
            rows = [
                {"site": site, "action": name, "function": "worker", "version": "1", "parameters": parameters}
                for name, parameters in actions.items()
            ]
            rows.append({**rows[0], "action": "browse", "function": "interactive"})
            rows.append({**rows[0], "action": "noop", "function": "custom"})
            tx.execute(insert(site_actions), rows)
    return engine


@pytest.fixture
def api(offering: Engine) -> Iterator[httpx.Client]:
    """The API over it, on a port of its own, asked with an admin's key."""
    key = ensure_admin_key(offering)
    app = make_app(offering, secret=b"s" * 32, redis_url=None)
    with served(app) as (host, port), asking(f"http://{host}:{port}/api/v1", key) as client:
        yield client


@pytest.fixture
def copying() -> dict[str, Any]:
    """A definition that both sites can run."""
    return {
        "name": "verify_and_copy",
        "discovery": "recursive",
        "discovery_options": {"skip_missing": True},
        "fields": [
            {"name": "to", "type": "site", "required": True},
            {"name": "algorithm", "type": "choice", "choices": ["sha256", "blake2b"], "default": "sha256"},
            {"name": "verify", "type": "bool"},
        ],
        "filter_rules": [
            {
                "type": "file",
                "include": ["*.tif"],
                "batch_size": 500,
                "action": [
                    {"name": "fs.checksum", "algorithm": "*algorithm"},
                    {
                        "name": "fs.copy",
                        "destination": "/in",
                        "verify": "*verify",
                        "site": "*to",
                        "queue": "bulk",
                        "timeout": "10m",
                        "label": "Copy",
                    },
                ],
            },
            {"type": "directory", "action": [{"name": "browse"}]},
        ],
    }
