"""Take over definitions of workflows as other hubs have them: files of JSON or YAML, or folders of such files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer

from orchestrator.cli.output import put_json_lines, say, warn
from orchestrator.cli.text import safe
from orchestrator.cli.verb import DONE, FAILED, Call, usage
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.contracts.document import read_json, read_yaml
from orchestrator.errors import Fault, Invalid

Sources = Annotated[
    list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Files of JSON, JSON lines or YAML, or folders of them")
]
Check = Annotated[bool, typer.Option("--check", help="Only say what would be taken, and change nothing")]

_JSON, _LINES, _YAML = frozenset({".json"}), frozenset({".jsonl", ".ndjson"}), frozenset({".yaml", ".yml"})
_LISTS = ("results", "items")
"""Where the lists of APIs have what they list."""
_HTTP_SILENT = frozenset({401, 403, 502, 503, 504})
"""Answers that are about the caller or the service, and not about the definition."""


class Found(NamedTuple):
    """A definition, or what is wrong with the place where one should be."""

    place: str
    """The file, and which of several in it."""
    definition: dict[str, Any]
    faults: Sequence[Fault] = ()


def import_workflows(call: Call, sources: Sources, *, check: Check = False) -> int:
    """Make every definition that is found the newest version of the workflow that it names.

    Definitions in the shape of existing hubs are taken as they are. One that can not be taken is told with its place
    and left out, and the others are taken; exit code 1 when there was any.
    """
    taken: list[dict[str, Any]] = []
    with call.client() as client:
        for found in [one for source in sources for one in definitions_in(source)]:
            said = _take(client, found, check=check)
            taken.append(said)
            if not call.json:
                _tell(said, check=check)
    if call.json:
        put_json_lines(taken)
    elif not taken:
        say("there was no definition")
    return FAILED if any(said["errors"] for said in taken) else DONE


def definitions_in(source: Path) -> Iterator[Found]:
    """The definitions in a file, or in the files of a folder, by their names; exit code 2 for a source there is not."""
    if source.is_dir():
        known = _JSON | _LINES | _YAML
        for file in sorted(file for file in source.iterdir() if file.suffix.lower() in known and file.is_file()):
            yield from definitions_in(file)
        return
    try:
        content = source.read_bytes()
    except OSError as error:
        raise usage(f"{source}: {error.strerror}") from None
    listed: list[Any] = []
    broken: Sequence[Fault] = ()
    try:
        for document in _documents(content, source.suffix.lower()):
            listed += _unfolded(document)
    except Invalid as error:
        broken = error.faults
    for number, document in enumerate(listed, 1):
        place = f"{source}, definition {number}" if len(listed) > 1 else str(source)
        if isinstance(document, dict):
            yield Found(place, cast(dict[str, Any], document))
        else:
            yield Found(place, {}, [Fault("$", "has to be an object")])
    if broken:
        yield Found(str(source), {}, broken)


def _documents(content: bytes, suffix: str) -> Iterator[Any]:
    """The values in a text; Invalid at the first that is none."""
    if suffix in _YAML:
        yield from _yaml_documents(content)
    elif suffix in _LINES or _has_a_value_a_line(content):
        yield from (read_json(line) for line in content.splitlines() if line.strip())
    else:
        yield read_json(content)


def _has_a_value_a_line(content: bytes) -> bool:
    """Whether every line is a whole object, as some clients list them."""
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    return len(lines) > 1 and all(line.startswith(b"{") and line.endswith(b"}") for line in lines)


def _yaml_documents(content: bytes) -> Iterator[Any]:
    """The documents of a YAML text, each read with the bounds that a single one has."""
    lines, begin = content.splitlines(keepends=True), 0
    for end in [*(at for at, line in enumerate(lines) if line.split(b"#")[0].rstrip() == b"---"), len(lines)]:
        part = b"".join(lines[begin:end])
        if any(line.strip() and not line.lstrip().startswith(b"#") for line in lines[begin:end]):
            # As many empty lines before it, so that what is wrong is told with its line in the file.
            yield read_yaml(b"\n" * begin + part)
        begin = end + 1


def _unfolded(document: Any) -> list[Any]:
    """The definitions in a value: itself, or the list that it is or has."""
    if isinstance(document, list):
        return cast(list[Any], document)
    if isinstance(document, dict) and "filter_rules" not in document:
        answer = cast(dict[str, Any], document)
        for key in _LISTS:
            if isinstance(answer.get(key), list):
                return answer[key]
    return [document]


def _take(client: DocumentClient, found: Found, *, check: bool) -> dict[str, Any]:
    """Hand it over; what came of it."""
    name = found.definition.get("name")
    said: dict[str, Any] = {"place": found.place, "name": name if isinstance(name, str) else None, "version": None}
    faults = list(found.faults)
    if not faults and not (isinstance(name, str) and name):
        faults = [Fault("$.name", "is required")]
    if not faults:
        try:
            if check:
                answer = client.request("POST", "/workflows/validate", found.definition)
                faults = [Fault(**wrong) for wrong in answer["errors"]]
            else:
                said["version"] = client.apply_workflow(cast(str, name), found.definition)["version"]
        except ApiRefused as refused:
            if refused.status in _HTTP_SILENT:
                raise
            faults = list(refused.faults) or [Fault("$", refused.detail)]
    return said | {"errors": [{"place": fault.place, "reason": fault.reason} for fault in faults]}


def _tell(said: dict[str, Any], *, check: bool) -> None:
    if not said["errors"]:
        done = "can be taken" if check else f"is at version {said['version']}"
        say(f"workflow {safe(said['name'])} {done} ({safe(said['place'])})")
        return
    warn(f"orchestrator: {safe(said['place'])}: {safe(said['name'] or 'a definition')} can not be taken")
    for fault in said["errors"]:
        warn(f"  {safe(fault['place'])}: {safe(fault['reason'])}")
