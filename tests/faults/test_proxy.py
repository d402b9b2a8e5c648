"""The proxy does to a connection what it says: else the tests behind it would test nothing."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from orchestrator.stack.ports import LOOPBACK
from tests.faults.proxy import Proxy, proxied

pytestmark = pytest.mark.quick


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything again; its port."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_say_again, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _say_again(client: socket.socket) -> None:
    with client:
        try:
            while data := client.recv(4096):
                client.sendall(data)
        except OSError:
            pass


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    """One before it."""
    with proxied(LOOPBACK, echo) as proxy:
        yield proxy


def _connected(proxy: Proxy) -> socket.socket:
    client = socket.create_connection((LOOPBACK, proxy.port), timeout=2)
    assert _asked(client, b"hello") == b"hello"
    return client


def _asked(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(4096)


def _read_to_its_end(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def test_late_and_slow(proxy: Proxy) -> None:
    with _connected(proxy) as client:
        proxy.trouble.latency_s = 0.1
        began = time.monotonic()
        assert _asked(client, b"a") == b"a"
        assert time.monotonic() - began >= 0.2
        proxy.trouble.latency_s, proxy.trouble.bytes_per_s = 0.0, 1000
        began = time.monotonic()
        assert len(_asked(client, b"a" * 100)) == 100
        assert time.monotonic() - began >= 0.2


def test_cut_is_an_error_and_no_end(proxy: Proxy) -> None:
    with _connected(proxy) as client:
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with _connected(proxy):
        pass
    proxy.trouble.refused = True
    # Who refuses may be faster than who connects.
    with pytest.raises(ConnectionResetError), socket.create_connection((LOOPBACK, proxy.port), timeout=2) as client:
        client.recv(1)


def test_half_open_swallows_everything(proxy: Proxy) -> None:
    with _connected(proxy) as client:
        proxy.vanish()
        client.sendall(b"lost")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        with _connected(proxy):
            pass
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_stalled_loses_nothing(proxy: Proxy) -> None:
    with _connected(proxy) as client:
        proxy.trouble.stalled = True
        client.sendall(b"kept")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.heal()
        client.settimeout(2)
        assert client.recv(4) == b"kept"


def test_spoiled_once(proxy: Proxy) -> None:
    with _connected(proxy) as client:
        proxy.trouble.corrupt = True
        assert _asked(client, b"\x00ab") == b"\xffab"
        assert _asked(client, b"\x00ab") == b"\x00ab"
        assert proxy.trouble.times == 1


@pytest.mark.parametrize("how", ["after some bytes", "instead of an answer"])
def test_reset_at_a_chosen_moment(how: str, proxy: Proxy) -> None:
    with _connected(proxy) as client:
        if how == "after some bytes":
            proxy.trouble.reset_after = 5
            client.sendall(b"12345")
        else:
            proxy.trouble.lose_answer_to = b"COMMIT"
            assert _asked(client, b"BEGIN") == b"BEGIN"
            client.sendall(b"COMMIT")
        with pytest.raises(ConnectionResetError):
            _read_to_its_end(client)
    with _connected(proxy):
        pass
