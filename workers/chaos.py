"""The action of `orchestrator chaos`, which says what is really run; a site has it only when it is told to load it."""

import os
import time

from workers.context import Context
from workers.path import Path
from workers.registry import action


@action("chaos.note")
def note(ctx: Context, paths: list[Path], *, file: str, seconds: float = 0.0) -> None:
    """Append a line to the file for every path before it is done: task, attempt, place in the batch."""
    # One write a line to a file that is only appended to: the lines of several processes do not mix, or get lost.
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for path in ctx.each(paths):
            os.write(out, b"%d %d %d\n" % (ctx.task, ctx.attempt, path.index))
            time.sleep(seconds)
            ctx.done(path)
    finally:
        os.close(out)
