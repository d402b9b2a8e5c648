"""Look at workflows and change them: a definition is a file of YAML or JSON."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import yaml

from orchestrator.cli import complete
from orchestrator.cli.imports import import_workflows
from orchestrator.cli.output import console, put_json, say
from orchestrator.cli.text import safe, when
from orchestrator.cli.verb import DONE, FAILED, Call, explain, usage, verb
from orchestrator.errors import Fault, Invalid

File = Annotated[Path, typer.Argument(metavar="FILE", help="A definition in YAML or JSON; - is standard input")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The workflow's name", autocompletion=complete.workflows)]

_ADDED = {"version", "created_by", "created_at"}
_OPTIONAL = {
    *("label", "icon_classes", "discovery", "discovery_options", "fields", "tolerance", "choices", "default"),
    *("include", "exclude", "site", "queue", "retries", "timeout", "group"),
}


def add_to(app: typer.Typer) -> None:
    """Add ``workflows``, and the group ``workflow``."""
    verb(app, "workflows")(workflows)
    group = typer.Typer(name="workflow", help="Show, check, change or delete one workflow.", no_args_is_help=True)
    verb(group, "apply", epilog="Example:  orchestrator workflow apply verify_and_copy.yaml")(apply)
    verb(group, "import", epilog="Example:  orchestrator workflow import exported/")(import_workflows)
    verb(group, "show")(show)
    verb(group, "validate", epilog="Example:  orchestrator workflow validate verify_and_copy.yaml")(validate)
    verb(group, "delete")(delete)
    app.add_typer(group)


def workflows(call: Call) -> None:
    """List workflows."""
    with call.client() as client:
        found = client.pages("/workflows")
        call.put_list(
            found,
            ["name", "version#", "label~", "discovery", "fields~", "changed"],
            lambda item: (
                item["name"],
                item["version"],
                item.get("label"),
                item.get("discovery"),
                ", ".join(field["name"] for field in item.get("fields") or ()),
                when(item.get("created_at")),
            ),
            empty="no workflows yet: make one with `orchestrator workflow apply FILE`",
        )


def apply(
    call: Call,
    file: File,
    *,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="FILE is the name of a workflow that ships: take it as it ships")
    ] = False,
) -> None:
    """Make a definition the newest version of the workflow that it names."""
    definition = read_definition(_shipped(file) if shipped else file)
    name = named(file, definition)
    with call.client() as client:
        made = client.apply_workflow(name, definition)
    call.put(made, f"workflow {safe(name)} is at version {made['version']}")


def validate(call: Call, file: File) -> int:
    """Check a definition against what the sites offer, and change nothing."""
    with call.client() as client:
        answer = client.request("POST", "/workflows/validate", read_definition(file))
    if call.json:
        put_json(answer)
    elif answer["valid"]:
        say("this definition can be used")
    else:
        explain(Invalid("this definition can not be used", [Fault(**wrong) for wrong in answer["errors"]]))
    return DONE if answer["valid"] else FAILED


def show(call: Call, name: Name) -> None:
    """Show a workflow's newest version, in YAML that `orchestrator workflow apply` takes."""
    with call.client() as client:
        found = client.workflow(name)
    if call.json:
        put_json(found)
    else:
        # The dumper escapes control characters itself: nothing of the definition can act on a terminal.
        say(f"# version {found['version']}, made by {found['created_by']} at {when(found['created_at'])}")
        console().print(yaml.safe_dump(as_written(found), sort_keys=False), soft_wrap=True, end="")


def delete(call: Call, name: Name) -> None:
    """Delete a workflow; jobs that ran it keep their own version of it."""
    with call.client() as client:
        answer = client.delete_workflow(name)
    call.put(answer, f"workflow {safe(name)} is deleted")


def _shipped(name: Path) -> Path:
    folder = Path(str(files("orchestrator.services"))) / "shipped"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if str(name) not in known:
        raise usage(f"{name} does not ship; these do: {', '.join(known)}")
    return folder / f"{name}.yaml"


def as_written(part: Any) -> Any:
    """The definition in an answer as a person would write it: without what the service added or left empty."""
    if isinstance(part, list):
        return [as_written(item) for item in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    return {
        name: as_written(value)
        for name, value in cast(dict[str, Any], part).items()
        if name not in _ADDED and not (name in _OPTIONAL and value in (None, []))
    }


def named(file: Path, definition: object) -> str:
    """The name that the definition in a file gives; usage when there is none."""
    name = cast(dict[str, object], definition).get("name") if isinstance(definition, dict) else None
    if not isinstance(name, str) or not name:
        raise usage(f"{file}: it has no name")
    return name


def read_definition(file: Path) -> dict[str, Any]:
    """The definition in a file; JSON is YAML too."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        document: object = yaml.safe_load(content)
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise usage(f"{file} is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise usage(f"{file}: a definition is a mapping, not {type(document).__name__}")
    return cast(dict[str, Any], document)
