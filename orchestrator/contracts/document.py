"""Reading a definition from text, JSON or YAML, that may be hostile: bounded before anything is built from it."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml

from orchestrator.domain.storable import MAX_DEPTH
from orchestrator.errors import Fault, Invalid

MAX_NODES = 100_000
"""What a YAML text may come to when its aliases are written out."""

# The loader in C where there is one: the other takes seconds for what an API accepts.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_json(body: bytes) -> Any:
    """The value of a JSON text; Invalid with the reason when it is none, or has a key twice."""
    try:
        value = msgspec.json.decode(body)
        if b"{" in body:
            json.loads(body, object_pairs_hook=_once, parse_int=len, parse_float=len)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Invalid("the body is not JSON", [Fault("$", str(error))]) from None
    return value


def _once(members: list[tuple[str, Any]]) -> None:
    """Refuse an object of which one reader would take the first of two, and another the last."""
    if len(members) > 1 and len(keys := {key for key, _ in members}) < len(members):
        twice = next(key for key in keys if sum(key == other for other, _ in members) > 1)
        raise ValueError(f"the key {twice[:50]!r} is there twice")


def read_yaml(body: bytes) -> Any:
    """The value of a YAML text; Invalid when it is none, has a key twice, a tag, or grows beyond all bounds."""
    try:
        text = body.decode()
        survey = _Survey()
        for event in yaml.parse(text, Loader=_LOADER):
            survey.take(event)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        raise Invalid("the body is not YAML", [Fault("$", _in_words(error))]) from None
    except (ValueError, RecursionError) as error:
        raise Invalid("the body is not YAML", [Fault("$", str(error))]) from None


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    anchor: str | None
    keys: set[str] | None = None
    nodes: int = 1
    at_key: bool = True


@dataclass(slots=True)
class _Survey:
    """Follows the events of a YAML text, which cost no memory, before it is built."""

    open: list[_Open] = field(default_factory=list[_Open])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    """How many nodes each anchor stands for; one that is not closed yet is not there."""

    def take(self, event: Any) -> None:
        """Look at the next event; ValueError when the text is not to be built."""
        line = event.start_mark.line + 1
        if getattr(event, "tag", None) not in {None, "!"}:
            raise ValueError(f"line {line}: tags such as {event.tag} are not taken")
        if isinstance(event, yaml.CollectionStartEvent):
            self._key(None, line)
            self.sizes.pop(event.anchor or "", None)
            keys = set[str]() if isinstance(event, yaml.MappingStartEvent) else None
            self.open.append(_Open(event.anchor, keys))
            if len(self.open) > MAX_DEPTH:
                raise ValueError(f"line {line}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self.open.pop()
            self._add(closed.nodes, closed.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._key(event.value, line)
            self._add(1, event.anchor, line)
        elif isinstance(event, yaml.AliasEvent):
            self._key(None, line)
            if event.anchor not in self.sizes:
                raise ValueError(
                    f"line {line}: *{event.anchor} is an alias without its anchor; "
                    f'to name a field, put it in quotes: "*{event.anchor}"'
                )
            self._add(self.sizes[event.anchor], None, line)

    def _key(self, key: str | None, line: int) -> None:
        """A node begins: every other one in a mapping is a key."""
        if not self.open or (inner := self.open[-1]).keys is None:
            return
        if inner.at_key and key is not None:
            if key in inner.keys:
                raise ValueError(f"line {line}: the key {key[:50]!r} is there twice")
            inner.keys.add(key)
        inner.at_key = not inner.at_key

    def _add(self, nodes: int, anchor: str | None, line: int) -> None:
        """A node is complete."""
        if anchor is not None:
            self.sizes[anchor] = nodes
        if self.open:
            self.open[-1].nodes += nodes
            nodes = self.open[-1].nodes
        if nodes > MAX_NODES:
            raise ValueError(f"line {line}: more than {MAX_NODES} values, its aliases written out")


def _in_words(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]
