"""The API as it is served, on a socket, over a database of the test's own."""

import signal
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from orchestrator.api.app import make_app
from orchestrator.api.server import Server
from orchestrator.services.keys import ensure_admin_key
from orchestrator.stack.wait import wait_until
from tests.asking import asking

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    return make_app(
        engine, secret=SECRET, redis_url=None, attachments_folder=tmp_path / "attachments", attachment_mib=2
    )


@pytest.fixture
def broker_app(engine: Engine, redis_url: str, tmp_path: Path) -> FastAPI:
    """The same with a broker, for what asks the sites for something."""
    return make_app(engine, secret=SECRET, redis_url=redis_url, attachments_folder=tmp_path / "attachments")


@pytest.fixture
def admin_key(engine: Engine) -> str:
    return ensure_admin_key(engine)


@pytest.fixture
def address(app: FastAPI) -> Iterator[tuple[str, int]]:
    with served(app) as listens_at:
        yield listens_at


@pytest.fixture
def silent_api(engine: Engine, admin_key: str) -> Iterator[httpx.Client]:
    """An API whose broker is at an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    app = make_app(engine, secret=SECRET, redis_url=f"redis://127.0.0.1:{port}/0")
    with served(app) as (host, its_port), asking(f"http://{host}:{its_port}", admin_key) as client:
        yield client


@contextmanager
def served(app: FastAPI) -> Generator[tuple[str, int], None, None]:
    server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # As asyncio does for sockets of its own: else the second part of an answer waits 40 ms for word of the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert wait_until(lambda: server.started or not thread.is_alive(), 20, pause=0.005)
        yield listening.getsockname()
        server.handle_exit(signal.SIGTERM, None)
        thread.join(20)


@pytest.fixture
def anonymous(address: tuple[str, int]) -> Iterator[httpx.Client]:
    with asking("http://{}:{}".format(*address)) as client:
        yield client


@pytest.fixture
def api(anonymous: httpx.Client, admin_key: str) -> Iterator[httpx.Client]:
    with asking(anonymous.base_url, admin_key) as client:
        yield client
