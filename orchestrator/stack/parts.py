"""The programs of our own in the stack, and Flower: how each is run, and what each is told by its environment."""

import hashlib
import hmac
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Settings
from orchestrator.contracts.names import Function
from orchestrator.stack.ports import LOOPBACK
from orchestrator.stack.program import Program
from orchestrator.stack.sites import worker_command

WORKER_PATIENCE = 10.0
"""Seconds a pool has for the tasks it is at when it is asked to end; what is cut short is handed out again."""

FLOWER_USER = "admin"
HUB_SETTINGS = ("ORCHESTRATOR_PARCEL_TASKS", "ORCHESTRATOR_WORKSPACES")
"""Settings of whoever starts the stack that its hub is told too."""
API_SETTINGS = re.compile(r"ORCHESTRATOR_(RETENTION_.*|.*_MIB|WORKSPACES|WEBHOOKS_PRIVATE)")
"""The same of its API."""
_SETTINGS = {f"ORCHESTRATOR_{name.upper()}" for name in Settings.model_fields}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the programs are to know."""

    home: Path
    database_url: str
    redis_url: str
    secret: bytes
    secret_variable: Mapping[str, str]
    """The variable that brings the secret to the hub and the API."""

    @property
    def flower_password(self) -> str:
        """The same as long as the secret is, and told to nobody but the profile."""
        return hmac.new(self.secret, b"orchestrator flower password", hashlib.sha256).hexdigest()[:32]

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.home / "logs" / f"{name}.log"

    def hub(self) -> Program:
        """What collects, dispatches and keeps time."""
        own = {name: os.environ[name] for name in HUB_SETTINGS if name in os.environ}
        return self._program("hub", ["-m", "orchestrator.hub"], self._service() | own)

    def api(self, port: int, flower_port: int | None = None) -> Program:
        """What answers over HTTP, and prunes."""
        kept = {name: os.environ[name] for name in _SETTINGS & os.environ.keys() if API_SETTINGS.fullmatch(name)}
        if flower_port is not None:
            kept["ORCHESTRATOR_FLOWER_URL"] = f"http://{LOOPBACK}:{flower_port}"
        return self._program("api", ["-m", "orchestrator.api", "--port", str(port)], self._service() | kept)

    def flower(self, port: int) -> Program:
        """Flower as it comes, behind a password. All by its environment, since arguments can be read by anybody."""
        told = {
            "BROKER_URL": self.redis_url,
            "FLOWER_ADDRESS": LOOPBACK,
            "FLOWER_PORT": str(port),
            "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{self.flower_password}",
        }
        return self._program("flower", ["-m", "celery", "flower"], told)

    def pool(self, site: str, site_file: Path, function: Function) -> Program:
        """The workers of one function of a site."""
        name = f"{site}.{function}"
        return Program(
            name=name,
            command=worker_command(site_file, function),
            log=self.log(name),
            folder=self.home,
            environment=self._environment({}),
            hurry=signal.SIGQUIT,
            patience=WORKER_PATIENCE,
        )

    def _program(self, name: str, arguments: list[str], told: Mapping[str, str]) -> Program:
        # -P: a file of the current folder's must not be taken for a module of ours.
        command = [sys.executable, "-P", *arguments]
        return Program(name, command, self.log(name), self.home, self._environment(told))

    def _service(self) -> dict[str, str]:
        return {
            "ORCHESTRATOR_HOME": str(self.home),
            "ORCHESTRATOR_DATABASE_URL": self.database_url,
            "ORCHESTRATOR_REDIS_URL": self.redis_url,
            **self.secret_variable,
        }

    def _environment(self, told: Mapping[str, str]) -> dict[str, str]:
        """The environment of whoever started the stack, without its settings: they are not for everybody."""
        given = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        return {**given, "PYTHONUNBUFFERED": "1", **told}
