"""Look at workflows and change them: a definition is a file of YAML or JSON."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import complete
from orchestrator.cli.definition import as_written, named, read_definition, written
from orchestrator.cli.imports import import_workflows
from orchestrator.cli.limits import limit_workflow
from orchestrator.cli.output import console, put_json, say
from orchestrator.cli.text import safe, when
from orchestrator.cli.verb import DONE, FAILED, Call, explain, usage, verb
from orchestrator.contracts.workflow_schema import workflow_schema
from orchestrator.errors import Fault, Invalid

File = Annotated[Path, typer.Argument(metavar="FILE", help="A definition in YAML or JSON; - is standard input")]
_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}
Name = Annotated[str, typer.Argument(metavar="NAME", help="The workflow's name", autocompletion=complete.workflows)]


def add_to(app: typer.Typer) -> None:
    """Add ``workflows``, and the group ``workflow``."""
    verb(app, "workflows")(workflows)
    group = typer.Typer(name="workflow", help="Show, check, change or delete one workflow.", no_args_is_help=True)
    verb(group, "apply", epilog="Example:  orchestrator workflow apply verify_and_copy.yaml")(apply)
    verb(group, "import", epilog="Example:  orchestrator workflow import exported/")(import_workflows)
    verb(group, "export", epilog="Example:  orchestrator workflow export --to definitions/")(export)
    verb(group, "show", epilog="Example:  orchestrator workflow show verify_and_copy --version 2")(show)
    verb(group, "versions")(versions)
    verb(group, "diff", epilog="Example:  orchestrator workflow diff verify_and_copy --from 2 --to 5")(diff)
    verb(group, "schema", epilog="Example:  orchestrator workflow schema > workflow.schema.json")(schema)
    verb(group, "validate", epilog="Example:  orchestrator workflow validate verify_and_copy.yaml")(validate)
    verb(group, "limit", epilog="Example:  orchestrator workflow limit copy --max-running 40 --action http.post=4")(
        limit_workflow
    )
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


def show(
    call: Call,
    name: Name,
    *,
    version: Annotated[int | None, typer.Option(metavar="N", min=1, help="Not the newest: this one")] = None,
) -> None:
    """Show a workflow's newest version, in YAML that `orchestrator workflow apply` takes."""
    with call.client() as client:
        found = client.workflow(name) if version is None else client.workflow_version(name, version)
    if call.json:
        put_json(found)
    else:
        say(f"# version {found['version']}, made by {found['created_by']} at {when(found['created_at'])}")
        console().print(written(found), soft_wrap=True, end="")


def versions(call: Call, name: Name) -> None:
    """List a workflow's versions, the newest first."""
    with call.client() as client:
        found = client.workflow_versions(name)
        call.put_list(
            found,
            ["version#", "by", "at", "label~"],
            lambda item: (item["version"], item["created_by"], when(item["created_at"]), item["label"]),
            empty="no versions",
        )


def diff(
    call: Call,
    name: Name,
    *,
    before: Annotated[
        int | None,
        typer.Option("--from", metavar="N", min=1, help="The earlier version; else the one before the later"),
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", metavar="N", min=1, help="The later version; else the newest")
    ] = None,
) -> None:
    """Show what two versions of a workflow say differently, place by place."""
    with call.client() as client:
        found = client.compare_workflow(name, before, after)
    if call.json:
        return put_json(found)
    say(f"workflow {safe(name)}, from version {found['from']} to version {found['to']}:")
    for one in found["changes"]:
        was, now = (json.dumps(one[side]) for side in ("before", "after"))
        told = {"added": now, "removed": was, "changed": f"{was} -> {now}"}[one["change"]]
        say(f"{_MARKS[one['change']]} {safe(one['place'])}: {told}", _STYLES[one["change"]])
    if not found["changes"]:
        say("  they say the same")
    return None


def export(
    call: Call,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="These; all where none is named")] = None,
    *,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A file each, in this folder; else all on standard output")
    ] = None,
) -> None:
    """Write workflows as YAML that `orchestrator workflow import` takes, here or elsewhere."""
    with call.client() as client:
        found = map(client.workflow, names) if names else client.pages("/workflows")
        for number, definition in enumerate(found):
            if call.json:
                put_json(as_written(definition))
            elif to is None:
                console().print(("---\n" if number else "") + written(definition), soft_wrap=True, end="")
            else:
                _keep(to / f"{definition['name']}.yaml", written(definition))


def schema(call: Call) -> None:
    """Print the JSON Schema of a definition, by which editors complete and check."""
    # Of this program: no service is asked, so that it can be had where files are written.
    if call.json:
        put_json(workflow_schema())
    else:
        typer.echo(json.dumps(workflow_schema(), indent=2))


def delete(call: Call, name: Name) -> None:
    """Delete a workflow; jobs that ran it keep their own version of it."""
    with call.client() as client:
        answer = client.delete_workflow(name)
    call.put(answer, f"workflow {safe(name)} is deleted")


def _keep(file: Path, content: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None
    say(f"{safe(str(file))} is written")


def _shipped(name: Path) -> Path:
    folder = Path(str(files("orchestrator.services"))) / "shipped"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if str(name) not in known:
        raise usage(f"{name} does not ship; these do: {', '.join(known)}")
    return folder / f"{name}.yaml"
