"""Teach a shell the commands, and what they may be followed by."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage] - it has no other home

from orchestrator.cli.output import put_json
from orchestrator.cli.verb import Call, verb

EPILOG = """Examples:

  orchestrator completion bash > ~/.local/share/bash-completion/completions/orchestrator

  orchestrator completion zsh > "${fpath[1]}/_orchestrator"

  orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish
"""


class Shell(StrEnum):
    """A shell that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "completion", epilog=EPILOG)(completion)


def completion(call: Call, shell: Annotated[Shell, typer.Argument(help="Which shell")]) -> None:
    """Print what teaches a shell to complete commands, options, jobs, workflows and sites.

    These are asked of the service that the environment or the profile names. `orchestrator --install-completion` puts
    the same where your shell finds it.
    """
    script = get_completion_script(prog_name="orchestrator", complete_var="_ORCHESTRATOR_COMPLETE", shell=shell.value)
    if call.json:
        put_json({"shell": shell.value, "script": script})
    else:
        typer.echo(script)
