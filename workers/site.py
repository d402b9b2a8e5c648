"""A site's file (``site.toml``): who we are, where the broker is, what may be touched, and how much runs at once."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, model_validator

from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from workers.allowed import Allowed, HttpAllowed, ShellAllowed
from workers.store_entry import StoreEntry

REDIS_URL = "ORCHESTRATOR_REDIS_URL"
SITE_KEY = "ORCHESTRATOR_SITE_KEY"
Environment = Mapping[str, str]

_MODEL = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
_KEY_BYTES = 32


class RootEntry(BaseModel):
    """A folder that actions and walkers of this site may touch, and everything below it."""

    model_config = _MODEL
    path: Path
    alias: str | None = None
    """What people call it."""
    read_only: Annotated[bool, Field(strict=True)] = False


class SiteFile(BaseModel):
    """The content of a site's file; every path in it is absolute once it is loaded."""

    model_config = _MODEL
    name: _Name
    redis_url: SecretStr
    key: SecretStr
    """Hex of the site's key (contracts.seal.site_key)."""
    actions: list[str] = []
    """Modules of actions and discoveries besides the installed plugins: import paths or files."""
    python_path: list[Path] = []
    allow: list[str] = ["*"]
    """Globs of the actions that may run here, whatever the hub says."""
    state: Path | None = None
    """A folder for what a host has to remember over a restart; None: the user's own."""
    roots: list[RootEntry] = []
    stores: list[StoreEntry] = []
    shell: ShellAllowed = ShellAllowed()
    http: HttpAllowed = HttpAllowed()
    queues: dict[_Name, dict[Function, Annotated[int, Field(ge=1, le=1024, strict=True)]]]
    """Queue -> function -> how many run at once; a function that is absent has no pool."""

    @model_validator(mode="after")
    def _plausible(self) -> "SiteFile":
        if not any(self.queues.values()):
            raise ValueError("queues: no pool at all; write for instance [queues.default] and worker = 2")
        if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * _KEY_BYTES}}}", self.key.get_secret_value()):
            raise ValueError(f"the key is not {2 * _KEY_BYTES} hexadecimal digits; take it from the hub's installation")
        if not self.redis_url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis_url: has to begin with redis://, rediss:// or unix://")
        return self

    @property
    def allowed(self) -> Allowed:
        """What actions may do beyond files."""
        return Allowed(shell=self.shell, http=self.http)

    @property
    def key_bytes(self) -> bytes:
        """What seals are made with."""
        return bytes.fromhex(self.key.get_secret_value())


def load_site(file: Path, environment: Environment = os.environ) -> SiteFile:
    """Read a site's file; ConfigError names the file, the key and the remedy."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; give the site's file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    folder = file.absolute().parent
    content["redis_url"] = _secret(file, content, "redis_url", environment.get(REDIS_URL), REDIS_URL)
    content["key"] = _secret(file, content, "key", environment.get(SITE_KEY), SITE_KEY)
    try:
        site = SiteFile.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{file}: " + "; ".join(_faults(error))) from error
    return site.model_copy(
        update={
            "roots": [root.model_copy(update={"path": _absolute(folder, root.path)}) for root in site.roots],
            "http": _http(folder, site.http),
            "stores": [_store(folder, store) for store in site.stores],
            "python_path": [_absolute(folder, path) for path in site.python_path],
            "actions": [_module(folder, name) for name in site.actions],
            "state": None if site.state is None else _absolute(folder, site.state),
        }
    )


def _secret(file: Path, content: dict[str, Any], key: str, fallback: str | None, variable: str) -> Any:
    """A value from the site's file, else from the file it names (``<key>_file``), else from the environment."""
    key_file = f"{key}_file"
    value, named = content.pop(key, None), content.pop(key_file, None)
    if value is not None:
        return value
    if named is None:
        if fallback is not None:
            return fallback
        raise ConfigError(f"{file}: {key} is missing: write {key} or {key_file}, or set the variable {variable}")
    if not isinstance(named, str):
        raise ConfigError(f"{file}: {key_file}: has to be the name of a file")
    try:
        return _absolute(file.absolute().parent, Path(named)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {key_file}: {named} can not be read: {error}") from error


def _faults(error: ValidationError) -> list[str]:
    return [
        ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "))))
        for fault in error.errors(include_url=False, include_input=False)
    ]


def _absolute(folder: Path, path: Path) -> Path:
    return Path(os.path.normpath(folder / path.expanduser()))


def _http(folder: Path, http: HttpAllowed) -> HttpAllowed:
    file = http.headers_file
    return http.model_copy(update={"headers_file": None if file is None else _absolute(folder, file)})


def _store(folder: Path, store: StoreEntry) -> StoreEntry:
    file = store.options_file
    return store.model_copy(update={"options_file": None if file is None else _absolute(folder, file)})


def _module(folder: Path, name: str) -> str:
    """An import path as it is; a file (it has a slash, or ends in .py) as an absolute path."""
    return str(_absolute(folder, Path(name))) if "/" in name or name.endswith(".py") else name
