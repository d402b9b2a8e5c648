"""What reaches beyond files, and is off until a site's file says otherwise: programs to run, and hosts to call."""

import ipaddress
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

from orchestrator.errors import ConfigError

_MODEL = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
_PORTS = {"http": 80, "https": 443}


class ShellAllowed(BaseModel):
    """What ``shell.run`` may start."""

    model_config = _MODEL
    programs: list[Annotated[str, StringConstraints(pattern=r"^[/*]")]] = []
    """Absolute paths, or globs of them. Whoever may start a shell or an interpreter may start anything."""
    path: str = "/usr/local/bin:/usr/bin:/bin"
    """Where a program that is named without a slash is looked for."""
    environment: dict[str, str] = {}
    """Variables it is given. It has none of the worker's own."""

    def allows(self, program: str) -> bool:
        """Whether a program, by its absolute path, may be started."""
        return any(fnmatchcase(program, pattern) for pattern in self.programs)


class HttpAllowed(BaseModel):
    """Whom ``http.post`` may call."""

    model_config = _MODEL
    hosts: list[Annotated[str, StringConstraints(pattern=r"^[^/@\s]+$", to_lower=True)]] = []
    """Names, or globs of them, with a port where it is not the protocol's own: ``*.example.com``, ``hooks:8443``."""
    networks: list[str] = []
    """Addresses that are not public and may be called all the same: ``10.1.0.0/16``."""
    headers_file: Path | None = None
    """A TOML file with a table of headers for each host that is to have some, such as ``Authorization``."""

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network)
        return networks

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Whether a host may be called at this port."""
        return any(
            fnmatchcase(host, name) and fnmatchcase(str(port), wanted or str(_PORTS[scheme]))
            for name, wanted in map(_host_and_port, self.hosts)
        )

    def reaches(self, address: str) -> bool:
        """Whether an address may be called: a public one, or one of the networks that are allowed."""
        ip = _plain(ipaddress.ip_address(address.partition("%")[0]))
        networks = map(ipaddress.ip_network, self.networks)
        return (ip.is_global and not ip.is_multicast) or any(ip in network for network in networks)

    def headers(self, host: str) -> Mapping[str, str]:
        """What a host is to be sent along; ConfigError when the file can not be read."""
        if self.headers_file is None:
            return {}
        try:
            content: dict[str, Any] = tomllib.loads(self.headers_file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not TOML"
            raise ConfigError(f"headers_file {self.headers_file}: {reason}") from None
        table = content.get(host, {})
        if not isinstance(table, dict):
            raise ConfigError(f"headers_file {self.headers_file}: {host} has to be a table of headers")
        return {name: str(value) for name, value in cast(dict[str, object], table).items()}


class Allowed(BaseModel):
    """Both; nothing, unless something is said."""

    model_config = _MODEL
    shell: ShellAllowed = ShellAllowed()
    http: HttpAllowed = HttpAllowed()

    def off(self, action: str) -> str | None:
        """Why a built-in action is off at this site; None when it is not."""
        if action == "shell.run" and not self.shell.programs:
            return "it names no programs ([shell] programs)"
        if action == "http.post" and not self.http.hosts:
            return "it names no hosts ([http] hosts)"
        return None


def _host_and_port(pattern: str) -> tuple[str, str]:
    """The two parts; an IPv6 address is in brackets."""
    if pattern.startswith("["):
        host, _, port = pattern[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = pattern.partition(":")
    return host, port


def _plain(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that another one stands for."""
    if isinstance(ip, ipaddress.IPv6Address):
        return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _behind_nat64(ip) or ip
    return ip


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _behind_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
