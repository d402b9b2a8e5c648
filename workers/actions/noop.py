"""``noop``: for trying a workflow out, and for measuring what everything else costs."""

from workers.context import Context
from workers.path import Path
from workers.registry import action


@action("noop")
def noop(ctx: Context, paths: list[Path]) -> None:
    """Process every path by doing nothing."""
    for path in ctx.each(paths):
        ctx.done(path)
