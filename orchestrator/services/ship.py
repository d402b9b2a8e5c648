"""The workflows that come with the program: kept in every installation, and never in place of a person's own."""

from collections.abc import Sequence
from importlib.resources import files

from sqlalchemy import Connection

from orchestrator.contracts.document import read_yaml
from orchestrator.contracts.workflow import Workflow
from orchestrator.services.check import read_definition
from orchestrator.services.define import keep_shipped


def shipped() -> Sequence[Workflow]:
    """All of them, by name."""
    folder = files("orchestrator.services").joinpath("shipped")
    found = [read_definition(read_yaml(file.read_bytes())) for file in folder.iterdir() if file.name.endswith(".yaml")]
    return sorted(found, key=lambda workflow: workflow.name)


def ship(tx: Connection) -> list[str]:
    """Keep those that are new or newer, as part of the transaction; their names.

    One that a person has changed or deleted stays as that person left it.
    """
    return [workflow.name for workflow in shipped() if keep_shipped(tx, workflow)]
