"""A store in a site's file: the URL that may be touched, and how it is reached."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator.errors import ConfigError

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s\x00]*")
_FOLDERS = frozenset({"file", "local", "dir"})


class StoreEntry(BaseModel):
    """Everything below a URL, such as ``s3://scans/in``, that actions and walkers of this site may touch."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    url: str
    alias: str | None = None
    """What people call it."""
    read_only: Annotated[bool, Field(strict=True)] = False
    options: dict[str, Any] = {}
    """For fsspec, such as ``endpoint_url``; what is secret has no place here."""
    options_file: Path | None = None
    """A TOML file with more of them, such as ``key`` and ``secret``; without it the protocol's own way to credentials
    is taken (for S3 the environment, ``~/.aws`` or the machine's role)."""

    @field_validator("url")
    @classmethod
    def _is_a_store(cls, url: str) -> str:
        found = _URL.fullmatch(url)
        if found is None or "::" in url:
            raise ValueError("has to be a URL such as s3://bucket/folder")
        if found[1] in _FOLDERS:
            raise ValueError("a folder of this machine is a root: write [[roots]] with its path")
        if "@" in url.removeprefix(f"{found[1]}://").partition("/")[0]:
            raise ValueError("has credentials in it: put them into options_file")
        if any(part in (".", "..") for part in url.split("/")):
            raise ValueError("has . or .. in it")
        return url

    @field_validator("options")
    @classmethod
    def _is_no_secret(cls, options: dict[str, Any]) -> dict[str, Any]:
        if named := {"key", "secret", "token", "password"} & options.keys():
            raise ValueError(f"{min(named)} is a secret: put it into options_file")
        return options

    @property
    def scheme(self) -> str:
        """The protocol."""
        return self.url.partition("://")[0]

    def all_options(self) -> dict[str, Any]:
        """What fsspec is given, secrets among them; ConfigError when their file can not be read."""
        return self.options | (_read(self.options_file) if self.options_file else {})


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not TOML"
        raise ConfigError(f"options_file {os.fspath(file)}: {reason}") from None
