"""The embedded Redis: which server is taken, and that it keeps what it was told."""

import signal
import sys
from pathlib import Path

import pytest
import redis

from orchestrator.errors import ConfigError
from orchestrator.stack.program import launch
from orchestrator.stack.redis import find_server, prepare_redis
from orchestrator.stack.wait import wait_until


def _pretend(folder: Path, name: str, banner: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{banner}'\n")
    program.chmod(0o755)
    return program


def test_a_server_on_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _pretend(tmp_path, "redis-server", "Redis server v=8.2.1 sha=00000000:0 malloc=jemalloc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == server


def test_valkey_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(tmp_path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc bits=64")
    server = _pretend(tmp_path, "valkey-server", "Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == server


def test_without_any_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _pretend(tmp_path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ConfigError, match=rf"{old} is 6\.0\.16.*install redis-server or valkey-server 6\.2.*REDIS_URL"):
        find_server()


def test_it_keeps_what_it_was_told_and_its_address(home: Path) -> None:
    for told in (None, b"yes"):
        server = prepare_redis(home, home / "redis.log")
        process = launch(server.program(), str(home))
        assert wait_until(server.answers, 20)
        with redis.Redis.from_url(server.url) as client:
            assert client.get("told") == told
            client.set("told", "yes")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
        with redis.Redis(port=server.access.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert server.access.password not in " ".join(server.program().command)
