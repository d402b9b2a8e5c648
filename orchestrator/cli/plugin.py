"""Begin a plugin: a package with an action, a test of it, and the entry point by which sites find it."""

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import put_json, say
from orchestrator.cli.template import files_of, package_of
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 60

EPILOG = """Example:

  orchestrator plugin new tiles && cd tiles && python -m pytest
"""


def add_to(app: typer.Typer) -> None:
    """Add the group ``plugin``."""
    group = typer.Typer(name="plugin", help="Actions and discoveries of your own.", no_args_is_help=True)
    group.callback()(_group)
    verb(group, "new", epilog=EPILOG)(new)
    app.add_typer(group)


def _group() -> None:
    """Actions and discoveries of your own."""


def new(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the package, and of its folder: such as tiles")],
    *,
    folder: Annotated[Path, typer.Option("--in", metavar="DIR", help="Where its folder is made")] = Path(),
) -> None:
    """Write a package with one action and its test, which passes as it is. What is there already stays untouched."""
    _check(name)
    if not folder.is_dir():
        raise usage(f"--in {folder}: there is no such folder")
    place, files = folder / name, files_of(name)
    try:
        place.mkdir()
    except FileExistsError:
        raise ConfigError(f"{place} is there already; nothing was written") from None
    except OSError as error:
        raise ConfigError(f"{place} can not be made: {error.strerror}") from error
    for file, text in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text, encoding="utf-8")
    if call.json:
        put_json({"folder": str(place), "package": package_of(name), "files": list(files)})
        return
    say(f"{place} has an action, {package_of(name)}.count_lines, and its test")
    say(f"  cd {place} && python -m pytest")
    say("then see its README.md for how to install it at a site")


def _check(name: str) -> None:
    """Refuse what can be no package, and what would stand in the way of one that is there."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise usage(
            f"{name!r} is no name of a package: small letters, digits, - and _, a letter first, at most {_LONGEST}"
        )
    package = package_of(name)
    if keyword.iskeyword(package):
        raise usage(f"{name!r} is a word of Python's own")
    if importlib.util.find_spec(package) is not None:
        raise usage(f"there is a Python module {package!r} already, and one would hide the other; take another name")
