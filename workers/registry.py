"""What this site can run: actions and discoveries, as their modules register them when they are imported."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from orchestrator.contracts.names import Function
from orchestrator.contracts.report import PATHS
from orchestrator.domain.duration import seconds
from orchestrator.errors import ConfigError
from workers.parameters import Parameters

F = TypeVar("F", bound=Callable[..., Any])

ENTRY_POINTS = ("orchestrator.actions", "orchestrator.discovery")
"""The groups by which installed packages say which of their modules to import."""

_OURS = "orchestrator"
"""The distribution that we come with: what it registers is registered first, so that no plugin can take its names."""
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Action:
    """A handler: ``function(ctx, paths, **parameters)``, plain or ``async``."""

    name: str
    function: Callable[..., Any]
    parameters: Parameters
    version: str
    timeout: float | None
    """Seconds one task may take, when the workflow does not say."""
    description: str
    origin: str
    """Where it was defined, for messages."""
    changes: tuple[str, ...] = ()
    """Parameters that name a folder in which it makes or changes files."""
    runs_in: Function = Function.WORKER
    """The function that it asks for; where its queue has no pool of that, another one runs it."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A way to find paths; the walker says how its function is called (workers.walker)."""

    name: str
    function: Callable[..., Any]
    version: str
    description: str
    origin: str


@dataclass(slots=True)
class Registry:
    """All that is registered in this process.

    ``problems`` has the plugins that could not be loaded, and why: in each the first line says it, the others are the
    traceback.
    """

    actions: dict[str, Action] = field(default_factory=dict[str, Action])
    discoveries: dict[str, Discovery] = field(default_factory=dict[str, Discovery])
    problems: list[str] = field(default_factory=list[str])

    def add_action(self, new: Action) -> None:
        """Register an action; ConfigError when another has its name."""
        _check(new.name, new.origin, self.actions.get(new.name))
        self.actions[new.name] = new

    def add_discovery(self, new: Discovery) -> None:
        """Register a discovery; ConfigError when another has its name."""
        _check(new.name, new.origin, self.discoveries.get(new.name))
        self.discoveries[new.name] = new

    def load(self, modules: Iterable[str] = (), groups: Iterable[str] = ENTRY_POINTS) -> None:
        """Import the installed plugins, and these modules (import paths, or files).

        One that can not be imported is noted in ``problems`` and leaves nothing registered; the others go on.
        """
        installed = [entry for group in groups for entry in entry_points(group=group)]
        for entry in sorted(installed, key=lambda entry: (_distribution(entry) != _OURS, entry.group, entry.name)):
            with self._noting(f"plugin {entry.name} ({entry.value}{_version(entry)})"):
                entry.load()
        for name in modules:
            with self._noting(f"module {name}"):
                _import(name)

    @contextmanager
    def _noting(self, what: str) -> Generator[None, None, None]:
        actions, discoveries = dict(self.actions), dict(self.discoveries)
        try:
            yield
        # A plugin may do anything at all while it is imported, also exit; the site's other work goes on.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            self.actions, self.discoveries = actions, discoveries
            self.problems.append(_told(what, error))


REGISTRY = Registry()
"""Where the decorators put what they decorate."""


def action(
    name: str,
    *,
    timeout: str | float | None = None,
    version: str = "1",
    description: str | None = None,
    changes: Sequence[str] = (),
    function: str | None = None,
) -> Callable[[F], F]:
    """Make a function an action: ``@action("raster.tile", timeout="10m")`` over ``f(ctx, paths, *, zoom: int = 12)``.

    ``timeout`` is a duration ("10m", "1h30m", or seconds) that one task may take. The description is by default the
    first sentence of the docstring. ``changes`` names the parameters that are folders in which it makes or changes
    files: where such a folder is searched by the same job, the action waits until the search is over, so that it does
    not find its own output. A parameter that is true or false says whether it changes something beside its paths, and
    the name ``paths`` that it always does. ``function`` is the pool that it asks for: ``custom`` (which plugins ask for
    unless they say otherwise), ``worker``, or ``interactive`` for what is short and somebody waits for. ConfigError
    for a name that is taken, and for a signature that can not work.
    """

    def register(handler: F) -> F:
        new = make_action(handler, name, timeout=timeout, version=version, description=description)
        if strange := set(changes) - {PATHS} - set(new.parameters.schema.get("properties", {})):
            raise ConfigError(f"action {name!r} ({new.origin}): changes names {min(strange)!r}, which is no parameter")
        REGISTRY.add_action(replace(new, changes=tuple(changes), runs_in=_pool(handler, function, name)))
        return handler

    return register


def discovery(name: str, *, version: str = "1", description: str | None = None) -> Callable[[F], F]:
    """Make a function a way to find paths."""

    def register(function: F) -> F:
        text = description if description is not None else _first_sentence(function)
        REGISTRY.add_discovery(Discovery(name, function, version, text, _origin(function)))
        return function

    return register


def make_action(
    function: Callable[..., Any],
    name: str,
    *,
    timeout: str | float | None = None,
    version: str = "1",
    description: str | None = None,
) -> Action:
    """An action of a function, registered nowhere."""
    origin = _origin(function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(
            f"action {name!r} ({origin}): a generator would never be run; use a plain or an async function"
        )
    try:
        limit = None if timeout is None else seconds(timeout)
    except ValueError as error:
        raise ConfigError(f"action {name!r} ({origin}): timeout {timeout!r}: {error}") from None
    if limit == 0:
        raise ConfigError(f"action {name!r} ({origin}): a timeout of 0 leaves no time; leave it out for no limit")
    text = description if description is not None else _first_sentence(function)
    return Action(name, function, Parameters(function, f"action {name!r} ({origin})"), version, limit, text, origin)


def _pool(handler: Callable[..., Any], said: str | None, name: str) -> Function:
    """The function that an action asks for."""
    if said is None:
        return Function.WORKER if handler.__module__.startswith("workers.") else Function.CUSTOM
    handlers = [function for function in Function if function != Function.DISCOVERY]
    if said not in handlers:
        raise ConfigError(f"action {name!r}: function {said!r} is none of {', '.join(handlers)}")
    return Function(said)


def _check(name: str, origin: str, taken: Action | Discovery | None) -> None:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or any(letter.isspace() for letter in name):
        raise ConfigError(f"{name!r} ({origin}): a name has 1 to {_LONGEST_NAME} letters and no blanks")
    # The same place again is a module that was loaded again, which replaces what it was.
    if taken is not None and taken.origin != origin:
        raise ConfigError(f"{name!r} is defined twice: in {taken.origin} and in {origin}; give one another name")


def _origin(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _first_sentence(function: Callable[..., Any]) -> str:
    paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


def _version(entry: EntryPoint) -> str:
    return f", of {entry.dist.name} {entry.dist.version}" if entry.dist else ""


def _told(what: str, error: BaseException) -> str:
    """What went wrong with a plugin: a line, and the traceback without the frames that are not its author's."""
    whole = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in whole.stack if not frame.filename.startswith(_NOT_THEIRS)]
    whole.stack = traceback.StackSummary.from_list(theirs)
    summary = " ".join(f"{what}: {type(error).__name__}: {error}".split())
    return f"{summary}\n{''.join(whole.format())}".rstrip()


_NOT_THEIRS = (__file__, "<frozen importlib", str(Path(importlib.__file__).parent))


def _import(name: str) -> ModuleType:
    """Import a module by its import path, or a file by its path."""
    if "/" not in name and not name.endswith(".py"):
        return importlib.import_module(name)
    file = Path(name).resolve()
    known = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if known in sys.modules:
        return sys.modules[known]
    spec = importlib.util.spec_from_file_location(known, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known]
        raise
    return module
