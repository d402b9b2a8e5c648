"""``shell.run``: a program that the site's file allows, for every path or for many at once. Never a shell."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.source import exists, look, say_gone
from workers.command import CommandTimeout, Ran
from workers.command import run as run_program
from workers.context import Context, reason_of
from workers.path import Path
from workers.registry import action

PATH, PATHS = "{path}", "{paths}"
_MOST_BYTES = 100_000
"""Of the paths that one command line has."""
_SHOWN_BYTES = 500
"""Of what it said last, in a message."""


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
            ran, late = _run(ctx, command, seconds, output_bytes)
        except OSError as error:
            for path in together:
                ctx.fail(path, f"{program} can not be run: {error.strerror}", type(error).__name__)
            continue
        for path in together:
            if late:
                ctx.fail(path, f"took longer than {seconds:g} s{_last(ran, output_bytes)}", "TimeoutError")
            else:
                _say(ctx, path, ran, ok, output_bytes, with_output=not many)


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


def _run(ctx: Context, command: Sequence[bytes], seconds: float | None, output_bytes: int) -> tuple[Ran, bool]:
    """Run it to its end; whether that was because its time was over. OSError when it can not begin."""
    kept = max(output_bytes, _SHOWN_BYTES)
    try:
        ran = run_program(
            command,
            timeout=seconds,
            check=False,
            env=_environment(ctx),
            inherit=False,
            output_bytes=kept,
            pause=ctx.stop_if_cancelled,
        )
    except CommandTimeout as late:
        return late.ran, True
    return ran, False


def _environment(ctx: Context) -> dict[str, str]:
    """The worker's own has what is nobody's business: addresses and keys."""
    allowed = ctx.allowed.shell
    told = {"JOB": ctx.job, "TASK": ctx.task, "STEP": ctx.step, "ATTEMPT": ctx.attempt, "SITE": ctx.site}
    return {
        "PATH": allowed.path,
        "LANG": "C.UTF-8",
        **{f"ORCHESTRATOR_{name}": str(value) for name, value in told.items()},
        **allowed.environment,
    }


def _say(ctx: Context, path: Path, ran: Ran, ok: Sequence[int], output_bytes: int, *, with_output: bool) -> None:
    if ran.code < 0:
        ctx.fail(path, f"was ended by {signal.Signals(-ran.code).name}{_last(ran, output_bytes)}", "Killed")
    elif ran.code not in ok:
        ctx.fail(path, f"exit code {ran.code}{_last(ran, output_bytes)}", "ExitCode")
    else:
        outputs = {"stdout": ran.stdout, "stderr": ran.stderr} if with_output else {}
        texts = {name: _text(output, output_bytes) for name, output in outputs.items()}
        path.note(exit_code=ran.code, **{name: text for name, text in texts.items() if text})
        ctx.done(path)


def _last(ran: Ran, output_bytes: int) -> str:
    """What it said last, for a message."""
    length = max(output_bytes, _SHOWN_BYTES)
    said = _text(ran.stderr, length).strip() or _text(ran.stdout, length).strip()
    return f": {said}" if said else ""


def _text(output: bytes, length: int) -> str:
    """The end of an output, as text of that many bytes at most."""
    text = output.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
    return text[-length:].decode(errors="ignore") if length else ""
