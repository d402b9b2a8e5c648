"""Actions for acceptance tests, loaded by ``up --actions``: they fail, raise, skip, forget, and say what they saw.

Where they write, ``folder`` is the test's own: one JSON file a task.
"""

import base64
import json
import os
from fnmatch import fnmatchcase
from pathlib import Path as Folder
from typing import Any, Literal

from orchestrator.stack.wait import wait_until
from workers import Context, Path, action


def _matches(path: Path, glob: str) -> bool:
    return fnmatchcase(os.path.basename(path.path), glob)


def _write(ctx: Context, folder: str, document: dict[str, Any]) -> None:
    file = Folder(folder) / f"step-{ctx.step}-task-{ctx.task}-attempt-{ctx.attempt}.json"
    file.write_text(json.dumps(document))


@action("example.record")
def record(ctx: Context, paths: list[Path], *, folder: str) -> None:
    """Write down the paths and notes it was given; process all."""
    given = [{"path": base64.b64encode(path.raw).decode(), "notes": dict(path.notes)} for path in paths]
    _write(ctx, folder, {"site": ctx.site, "given": given})
    for path in ctx.each(paths):
        ctx.done(path)


@action("example.parameters")
def parameters(
    ctx: Context,
    paths: list[Path],
    *,
    folder: str,
    number: int = 0,
    ratio: float = 0.5,
    choice: Literal["red", "green"] = "red",
    anything: Any = None,
) -> None:
    """Write down the parameters it was given; process all."""
    _write(ctx, folder, {"number": number, "ratio": ratio, "choice": choice, "anything": anything})
    ctx.done(*paths)


@action("example.fail")
def fail(ctx: Context, paths: list[Path], *, match: str) -> None:
    """Fail what matches, process all else."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if _matches(path, match):
                raise ValueError("this one is bad")


@action("example.raise")
def raise_(ctx: Context, paths: list[Path], *, match: str) -> None:
    """Let an exception out when anything matches, after some paths have been processed."""
    for path in ctx.each(paths):
        if _matches(path, match):
            raise RuntimeError("the whole batch is lost")
        ctx.done(path)


@action("example.obey")
def obey(ctx: Context, paths: list[Path]) -> None:
    """Do what is in the files: let an exception out (``raise``), fail the path (``fail``), or nothing."""
    for path in ctx.each(paths):
        said = Folder(path.path).read_text(encoding="utf-8")
        if said == "raise":
            raise RuntimeError("the file says so")
        with ctx.outcome(path):
            if said == "fail":
                raise ValueError("the file says so")


@action("example.skip")
def skip(ctx: Context, paths: list[Path], *, match: str = "*") -> None:
    """Skip what matches, process all else."""
    for path in ctx.each(paths):
        if _matches(path, match):
            ctx.skip(path, "nothing to do")
        else:
            ctx.done(path)


@action("example.forget")
def forget(ctx: Context, paths: list[Path], *, match: str = "*") -> None:
    """Say nothing of what matches, process all else."""
    ctx.done(*(path for path in paths if not _matches(path, match)))


@action("example.wait")
def wait(ctx: Context, paths: list[Path], *, folder: str) -> None:
    """Wait until there is a file ``go`` in the folder, then process all."""
    if not wait_until((Folder(folder) / "go").exists, 60):
        raise TimeoutError(f"nobody made {folder}/go")
    ctx.done(*paths)
