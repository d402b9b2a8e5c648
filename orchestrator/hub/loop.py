"""The loop around the turns: wait to be the active hub, and begin anew when the database or the broker was away."""

import logging
import os
import socket
import threading
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from orchestrator.domain.pace import MOST
from orchestrator.hub.active import IDLE_S, Hub
from orchestrator.storage.active import become_active

log = logging.getLogger("orchestrator.hub")


def run(engine: Engine, redis: Redis, secret: bytes, stop: threading.Event, workspaces: Path, most: int = MOST) -> None:
    """Be the hub until ``stop``: wait for the lock, work, and start again when the database or the broker was away."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    while not stop.is_set():
        try:
            with engine.connect() as connection:
                connection.detach()  # so that closing it gives up the lock, too
                if become_active(connection, stop):
                    log.info("active")
                    hub = Hub(connection, redis, secret, name, workspaces, most)
                    with hub.beside:
                        _work(hub, stop)
        except OperationalError as error:
            log.warning("the database does not answer: %s", str(error.orig).strip())
            stop.wait(IDLE_S)


def _work(hub: Hub, stop: threading.Event) -> None:
    hears = False
    while not stop.is_set():
        try:
            if not hears:
                hub.take_over()
                hears = True
            hub.tick(IDLE_S)
        except RedisError as error:
            log.warning("the broker does not answer: %s", error)
            hears = False
            stop.wait(IDLE_S)
