"""Ports of this machine's loopback address, and the credentials of what listens on them."""

import contextlib
import json
import random
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import ConfigError
from orchestrator.stack.private import write_private

LOOPBACK = "127.0.0.1"

_OURS = range(20_000, 32_000)
"""Below what Linux gives to outgoing connections, so that a server that is started again finds its port free."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a private server is reached; kept, so that its URL stays the same from one start to the next."""

    port: int
    password: str

    @staticmethod
    def kept_in(file: Path) -> "Access":
        """What the file says, with another port if that one is taken now; made when there is none."""
        known: Access | None = None
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            known = Access(**json.loads(file.read_text()))
        if known is not None and is_free(known.port):
            return known
        access = Access(free_port(), known.password if known else secrets.token_urlsafe(24))
        write_private(file, json.dumps(asdict(access)))
        return access


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    for port in random.sample(_OURS, 200):
        if is_free(port):
            return port
    raise ConfigError(f"no free port between {_OURS.start} and {_OURS.stop} on {LOOPBACK}")
