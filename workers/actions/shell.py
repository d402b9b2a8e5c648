"""``shell.run``: a program that the site's file allows, for every path or for many at once. Never a shell."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from workers.actions.program import Ran, run_program
from workers.actions.source import exists, look, say_gone
from workers.context import Context, reason_of
from workers.path import Path
from workers.registry import action
from workers.stores import is_url

PATH, PATHS = "{path}", "{paths}"
_MOST_BYTES = 100_000
"""Of the paths that one command line has."""


@action("shell.run")
def run(
    ctx: Context,
    paths: list[Path],
    *,
    argv: Annotated[
        list[Annotated[str, Field(pattern=r"^[^\x00]*$")]],
        Field(
            min_length=1,
            max_length=1000,
            description="the program and its arguments; {path} or {paths}, as a whole argument, is what it is run for",
        ),
    ],
    seconds: Annotated[float | None, Field(gt=0, description="how long each run may take")] = None,
    ok: Annotated[list[int], Field(min_length=1, description="exit codes that say that all is well")] = [0],  # noqa: B006 - never changed
    output_bytes: Annotated[
        int, Field(ge=0, le=1500, description="so much of the end of each output is noted on a path")
    ] = 500,
) -> None:
    """Run a program for each path ({path}), or for as many as a command line holds ({paths}); notes ``exit_code``."""
    many = _many(argv)
    program = _program(ctx, argv[0])
    runs = _by_lines([*_found(ctx, paths)]) if many else ([path] for path in _found(ctx, paths))
    for together in runs:
        command = [os.fsencode(program)]
        for argument in argv[1:]:
            command += [path.raw for path in together] if argument in {PATH, PATHS} else [os.fsencode(argument)]
        try:
            ran = run_program(ctx, command, seconds, output_bytes)
        except OSError as error:
            for path in together:
                ctx.fail(path, f"{program} can not be run: {error.strerror}", type(error).__name__)
            continue
        for path in together:
            _say(ctx, path, ran, ok, seconds, with_output=not many)


def _many(argv: Sequence[str]) -> bool:
    """Whether a run is for many paths; ValueError when the arguments do not say what it is for."""
    for place, argument in enumerate(argv):
        if argument not in {PATH, PATHS} and (PATH in argument or PATHS in argument):
            raise ValueError(f"argv[{place}]: {PATH} and {PATHS} have to be whole arguments")
    named = {argument for argument in argv[1:] if argument in {PATH, PATHS}}
    if len(named) != 1 or argv[0] in {PATH, PATHS}:
        raise ValueError(f"argv: has to have {PATH} (a run for each) or {PATHS} (for many) among its arguments")
    return named == {PATHS}


def _program(ctx: Context, name: str) -> str:
    allowed = ctx.allowed.shell
    found = name if "/" in name else shutil.which(name, path=allowed.path)
    if found is None:
        raise FileNotFoundError(f"argv[0]: there is no program {name!r} in {allowed.path}")
    if not os.path.isabs(found) or os.path.normpath(found) != found or not allowed.allows(found):
        raise PermissionError(f"argv[0]: the file of this site does not allow {found}")
    return found


def _found(ctx: Context, paths: Sequence[Path]) -> Iterator[Path]:
    """Those that are there, in the roots; of the others it is said what they are."""
    for path in ctx.each(paths):
        try:
            if not is_url(path.raw):
                there = look(ctx, path, follow=True) is not None
            elif not (there := exists(ctx, path.raw)):
                say_gone(ctx, path)
        except Exception as error:  # noqa: BLE001 - it is this path's failure alone
            ctx.fail(path, reason_of(error, path), type(error).__name__)
        else:
            if there:
                yield path


def _by_lines(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """As many at once as a command line holds."""
    line: list[Path] = []
    size = 0
    for path in paths:
        if line and size + len(path.raw) >= _MOST_BYTES:
            yield line
            line, size = [], 0
        line.append(path)
        size += len(path.raw) + 1
    if line:
        yield line


def _say(ctx: Context, path: Path, ran: Ran, ok: Sequence[int], seconds: float | None, *, with_output: bool) -> None:
    last = ran.stderr.strip() or ran.stdout.strip()
    said = f": {last}" if last else ""
    if ran.code is None:
        ctx.fail(path, f"took longer than {seconds:g} s{said}", "TimeoutError")
    elif ran.code < 0:
        ctx.fail(path, f"was ended by {signal.Signals(-ran.code).name}{said}", "Killed")
    elif ran.code not in ok:
        ctx.fail(path, f"exit code {ran.code}{said}", "ExitCode")
    else:
        outputs = {"stdout": ran.stdout, "stderr": ran.stderr} if with_output else {}
        path.note(exit_code=ran.code, **{name: output for name, output in outputs.items() if output})
        ctx.done(path)
