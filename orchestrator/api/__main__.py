"""Serves the API: ``python -m orchestrator.api --port 8080``; settings come from the environment."""

import argparse
import os
import sys
from contextlib import suppress

import uvicorn

from orchestrator.api.app import make_app
from orchestrator.api.deliverer import Deliverer
from orchestrator.api.pruner import Pruner
from orchestrator.api.server import Server, take_descriptors
from orchestrator.config import load_settings
from orchestrator.contracts.failpoints import arm
from orchestrator.errors import ConfigError
from orchestrator.logs import add_log_options, formatter, set_up_logs
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.database import make_engine
from orchestrator.storage.files import Files

_GRACE_S = 3
"""How long a stop waits for requests under way; who listens to events is let go at once, and comes back."""
_NOT_STARTED = 3


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.api", description="The HTTP API")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="(default: %(default)s)")
    add_log_options(parser)
    options = parser.parse_args()
    set_up_logs(formatter(options.log_format), options.log_level)
    try:
        settings = load_settings()
        arm(os.environ)
        engine = make_engine(
            settings.require_database_url(), pool_size=20, statement_timeout_s=30, name="orchestrator api"
        )
        secret = settings.require_secret()
        app = make_app(
            engine,
            secret=secret,
            redis_url=settings.redis_url,
            webhooks_private=settings.webhooks_private,
            attachments_folder=settings.home / "attachments",
            attachment_mib=settings.attachment_mib,
            flower_url=settings.flower_url,
            workspaces=settings.workspaces_root,
            edits_mib=settings.edits_mib,
        )
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    files, workspaces = Files(settings.home / "attachments"), Workspaces(settings.workspaces_root)
    pruner = Pruner(settings.require_database_url(), settings.retention, files, workspaces)
    pruner.start()
    deliverer = Deliverer(settings.require_database_url(), secret, private=settings.webhooks_private)
    deliverer.start()
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        timeout_graceful_shutdown=_GRACE_S,
        server_header=False,
        access_log=False,
        log_config=None,  # its loggers hand on to ours
    )
    server = Server(config, at_end=app.state.listeners.close)
    take_descriptors()
    with suppress(KeyboardInterrupt):
        server.run()
    deliverer.end()
    pruner.end()
    return 0 if server.started else _NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
