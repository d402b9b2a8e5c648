"""The API as it is served, on a socket, over a database of the test's own."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from orchestrator.api.app import make_app
from orchestrator.services.keys import ensure_admin_key
from orchestrator.stack.wait import wait_until

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    return make_app(engine, secret=SECRET, redis_url=None)


@pytest.fixture
def admin_key(engine: Engine) -> str:
    return ensure_admin_key(engine)


@pytest.fixture
def address(app: FastAPI) -> Iterator[tuple[str, int]]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert wait_until(lambda: server.started or not thread.is_alive(), 20)
        yield listening.getsockname()
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def anonymous(address: tuple[str, int]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def api(anonymous: httpx.Client, admin_key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {admin_key}"}
    with httpx.Client(base_url=anonymous.base_url, headers=headers, trust_env=False, timeout=30) as client:
        yield client
