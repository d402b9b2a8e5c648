"""A site on a network of its own: a namespace of the kernel's, with one cable to this machine, which can be pulled."""

import os
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import pytest


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _said(what: str) -> str:
    return subprocess.run(["ip", what, "show"], check=True, capture_output=True, text=True).stdout


def allowed() -> bool:
    """Whether this user may make namespaces here."""
    if os.geteuid() != 0:
        return False
    name = f"try{uuid4().hex[:8]}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    _ip("netns", "delete", name)
    return True


needs_namespaces = pytest.mark.skipif(not allowed(), reason="network namespaces need root, and a kernel that has them")


@dataclass(frozen=True)
class Island:
    """A namespace that is reached over one cable; ``here`` is this end's address."""

    name: str
    net: str

    @property
    def here(self) -> str:
        """The address at which the island finds us."""
        return f"{self.net}.1"

    @property
    def inside(self) -> list[str]:
        """Words to run a program on the island by."""
        return ["ip", "netns", "exec", self.name]

    def pull(self) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        _ip("link", "set", self.name, "down")

    def plug(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.name, "up")

    def appear(self) -> None:
        """Come into being, with the cable plugged in."""
        far, inside = f"{self.name}i", ("-n", self.name)
        _ip("netns", "add", self.name)
        _ip("link", "add", self.name, "type", "veth", "peer", "name", far, "netns", self.name)
        _ip("addr", "add", f"{self.here}/24", "dev", self.name)
        _ip(*inside, "addr", "add", f"{self.net}.2/24", "dev", far)
        _ip(*inside, "link", "set", far, "up")
        _ip(*inside, "link", "set", "lo", "up")
        self.plug()
        # Or what is for the island goes out by some other way while the cable is pulled.
        _ip("route", "replace", "blackhole", f"{self.net}.0/24", "metric", "4000")

    def vanish(self) -> None:
        """Be gone, without a word to anybody; what runs there has to have ended."""
        for words in (
            ("link", "delete", self.name),
            ("netns", "delete", self.name),
            ("route", "delete", "blackhole", f"{self.net}.0/24", "metric", "4000"),
        ):
            with suppress(subprocess.CalledProcessError):
                _ip(*words)


@contextmanager
def island() -> Generator[Island]:
    """One that is not left behind."""
    taken: Callable[[str], bool] = lambda net: f"{net}." in _said("addr") + _said("route")  # noqa: E731
    net = next(net for net in (f"10.90.{number}" for number in range(1, 250)) if not taken(net))
    made = Island(f"isle{uuid4().hex[:6]}", net)
    try:
        made.appear()
        yield made
    finally:
        made.vanish()
