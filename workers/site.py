"""A site's file (``site.toml``): who we are, where hub and broker are, what may be touched, and how much runs at once.

``orchestrator worker --example`` prints one with every key explained.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from workers.allowed import Allowed, HttpAllowed, ShellAllowed
from workers.limits import Limits, SiteLimits
from workers.store_entry import StoreEntry

REDIS_URL = "ORCHESTRATOR_REDIS_URL"
SITE_KEY = "ORCHESTRATOR_SITE_KEY"
Environment = Mapping[str, str]

_MODEL = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
_KEY_BYTES = 32
_Table = TypeVar("_Table", bound=BaseModel)
_IN_WORDS_OF_TOML = {
    "missing": "is missing",
    "list_type": 'has to be a list, such as ["a", "b"]',
    "dict_type": "has to be a table, whose keys stand in lines of their own below its [name]",
    "model_type": "has to be a table: its keys stand in lines of their own below [[NAME]], once for each",
    "string_type": "has to be a text, in quotes",
    "path_type": "has to be a path, in quotes",
    "int_type": "has to be a whole number, without quotes",
    "bool_type": "has to be true or false, without quotes",
}
"""What is said of a wrong value, by Pydantic's name for what is wrong."""


def _key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * _KEY_BYTES}}}", key.get_secret_value()):
        raise ValueError(f"the key is not {2 * _KEY_BYTES} hexadecimal digits; take it from the hub's installation")
    return key


def _broker(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("has to begin with redis://, rediss:// or unix://")
    return url


def _pools(queues: dict[str, dict[Function, int]]) -> dict[str, dict[Function, int]]:
    if not any(queues.values()):
        raise ValueError("no pool at all; write for instance [queues.default] and worker = 2")
    return queues


def _kinds(pools: dict[Function, str]) -> dict[Function, str]:
    if pools.get(Function.DISCOVERY, "threads") != "threads":
        raise ValueError("discovery: walks are always in threads; leave it out")
    return pools


class RootEntry(BaseModel):
    """A folder that actions and walkers of this site may touch, and everything below it."""

    model_config = _MODEL
    path: Path
    alias: Path | None = None
    """Another absolute path by which jobs may name it, such as the one that it has at other sites."""
    read_only: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _plausible(self) -> "RootEntry":
        if self.alias is not None and not self.alias.is_absolute():
            raise ValueError("alias: has to be an absolute path")
        return self


class SiteFile(BaseModel):
    """The content of a site's file; every path in it is absolute once it is loaded."""

    model_config = _MODEL
    name: _Name
    hub_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+")] | None = None
    """Where the hub's API answers; only looked at by ``--check``."""
    redis_url: Annotated[SecretStr, AfterValidator(_broker)]
    key: Annotated[SecretStr, AfterValidator(_key)]
    """Hex of the site's key (contracts.seal.site_key)."""
    actions: list[str] = []
    """Modules of actions and discoveries besides the installed plugins: import paths or files."""
    python_path: list[Path] = []
    allow: list[str] = ["*"]
    """Globs of the actions that may run here, whatever the hub says."""
    state: Path | None = None
    """A folder for what a host has to remember over a restart; None: the user's own."""
    spool: Path | None = None
    """A folder for notes that are too long to travel, which all hosts of the site share; None: in ``state``."""
    roots: list[RootEntry] = []
    stores: list[StoreEntry] = []
    shell: ShellAllowed = ShellAllowed()
    http: HttpAllowed = HttpAllowed()
    limits: SiteLimits = SiteLimits()
    queues: Annotated[
        dict[_Name, dict[Function, Annotated[int, Field(ge=1, le=1024, strict=True)]]], AfterValidator(_pools)
    ]
    """Queue -> function -> how many run at once; a function that is absent has no pool."""
    pools: Annotated[dict[Function, Literal["prefork", "threads"]], AfterValidator(_kinds)] = {}
    """Function -> what its pools are made of: a process for each task that runs, or threads of one."""

    @property
    def allowed(self) -> Allowed:
        """What actions may do beyond files."""
        return Allowed(shell=self.shell, http=self.http)

    @property
    def key_bytes(self) -> bytes:
        """What seals are made with."""
        return bytes.fromhex(self.key.get_secret_value())

    @property
    def lanes(self) -> list[tuple[str, str, int]]:
        """(queue, function, how many at once) of every pool."""
        return [(queue, str(f), count) for queue, functions in self.queues.items() for f, count in functions.items()]


def pool_of(site: SiteFile, function: str) -> str:
    """What a pool is made of: walkers wait for file systems, in threads; handlers get a process each by default."""
    return site.pools.get(Function(function), "threads" if function == Function.DISCOVERY else "prefork")


def load_site(file: Path, environment: Environment = os.environ) -> SiteFile:
    """Read a site's file; ConfigError names the file, and everything that is wrong with the remedy."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; give the site's file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = "a text stands in quotes, and no key or table is there twice"
        raise ConfigError(f"{file}: not TOML: {error}; {hint}") from error
    folder = file.absolute().parent
    faults: list[str] = []
    for key, variable in (("redis_url", REDIS_URL), ("key", SITE_KEY)):
        try:
            content[key] = _secret(folder, content, key, environment.get(variable), variable)
        except ConfigError as error:
            faults.append(str(error))
    try:
        site = SiteFile.model_validate(content)
    except ValidationError as error:
        faults += _faults(error, absent={"redis_url", "key"} - content.keys())
    else:
        return site.model_copy(
            update={
                "roots": [_placed(folder, root, "path") for root in site.roots],
                "http": _placed(folder, site.http, "headers_file"),
                "stores": [_placed(folder, store, "options_file") for store in site.stores],
                "python_path": [_absolute(folder, path) for path in site.python_path],
                "actions": [_module(folder, name) for name in site.actions],
                "state": site.state and _absolute(folder, site.state),
                "spool": site.spool and _absolute(folder, site.spool),
            }
        )
    raise ConfigError(f"{file}: " + f"\n{file}: ".join(faults))


def _secret(folder: Path, content: dict[str, Any], key: str, fallback: str | None, variable: str) -> Any:
    """A value from the site's file, else from the file it names (``<key>_file``), else from the environment."""
    key_file = f"{key}_file"
    value, named = content.pop(key, None), content.pop(key_file, None)
    if value is not None:
        return value
    if named is None:
        if fallback is not None:
            return fallback
        raise ConfigError(f"{key} is missing: write {key} or {key_file}, or set the variable {variable}")
    if not isinstance(named, str):
        raise ConfigError(f"{key_file}: has to be the name of a file")
    try:
        return _absolute(folder, Path(named)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key_file}: {named} can not be read: {error}") from error


def _faults(error: ValidationError, absent: set[str]) -> Iterator[str]:
    """Everything that is wrong, each with its place; what is absent has been told already."""
    for fault in error.errors(include_url=False, include_input=False):
        loc = [part for part in fault["loc"] if part != "[key]"]
        if len(loc) == 1 and loc[0] in absent:
            continue
        reason = _IN_WORDS_OF_TOML.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        if fault["type"] == "model_type":
            reason = reason.replace("NAME", str(loc[0]))
        if fault["type"] in {"extra_forbidden", "enum"} and (known := _known(loc)):
            close = get_close_matches(str(loc[-1]), known, n=1)
            reason = "unknown key; " + (f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}")
        yield ": ".join(filter(None, (".".join(map(str, loc)), reason)))


def _known(loc: list[Any]) -> list[str]:
    """The keys that there are where this one stands."""
    match loc:
        case [_]:
            return [*SiteFile.model_fields, "redis_url_file", "key_file"]
        case ["roots", _, _]:
            return list(RootEntry.model_fields)
        case ["stores", _, _]:
            return list(StoreEntry.model_fields)
        case ["shell", _]:
            return list(ShellAllowed.model_fields)
        case ["http", _]:
            return list(HttpAllowed.model_fields)
        case ["limits", _]:
            return list(SiteLimits.model_fields)
        case ["limits", _, _]:
            return list(Limits.model_fields)
        case ["queues", _, _] | ["pools", _]:
            return [str(function) for function in Function]
        case _:
            return []


def _absolute(folder: Path, path: Path) -> Path:
    return Path(os.path.normpath(folder / path.expanduser()))


def _placed(folder: Path, table: _Table, key: str) -> _Table:
    """A table of the file with the path that it may have under this key made absolute."""
    path: Path | None = getattr(table, key)
    return table.model_copy(update={key: path and _absolute(folder, path)})


def _module(folder: Path, name: str) -> str:
    """An import path as it is; a file (it has a slash, or ends in .py) as an absolute path."""
    return str(_absolute(folder, Path(name))) if "/" in name or name.endswith(".py") else name
