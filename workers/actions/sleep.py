"""``sleep``: work that takes time and nothing else."""

import time
from typing import Annotated

from pydantic import Field

from workers.context import Context
from workers.path import Path
from workers.registry import action

_SLICE_SECONDS = 0.1


@action("sleep")
def sleep(
    ctx: Context,
    paths: list[Path],
    *,
    seconds: Annotated[float, Field(ge=0, le=86400, description="how long each path takes")] = 1.0,
) -> None:
    """Take some time over every path; stops within a second when the job is cancelled."""
    for path in ctx.each(paths):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ctx.stop_if_cancelled()
            time.sleep(min(left, _SLICE_SECONDS))
        ctx.done(path)
