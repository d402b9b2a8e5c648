"""The hub's process."""

import os
import signal
import threading

from orchestrator.broker.connection import connect
from orchestrator.config import load_settings
from orchestrator.contracts.failpoints import arm
from orchestrator.hub import run
from orchestrator.logs import set_up_logs_as_said
from orchestrator.storage.active import NAME
from orchestrator.storage.database import make_engine


def main() -> None:
    """The process."""
    set_up_logs_as_said("python -m orchestrator.hub", "The hub")
    settings, stop = load_settings(), threading.Event()
    arm(os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: stop.set())
    engine = make_engine(settings.require_database_url(), pool_size=1, name=NAME, by_key=True)
    redis, secret = connect(settings.require_redis_url()), settings.require_secret()
    run(engine, redis, secret, stop, settings.workspaces_root, settings.parcel_tasks)
    engine.dispose()


if __name__ == "__main__":
    main()
