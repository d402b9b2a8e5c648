"""``http.post``: tell a service that the site's file allows of every path, or of all of a task at once."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from workers.actions.calling import Answer, Caller
from workers.context import Context, reason_of
from workers.path import Path
from workers.registry import action

_TRY_AGAIN = frozenset({408, 425, 429})


@action("http.post")
def post(
    ctx: Context,
    paths: list[Path],
    *,
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000, description="where to post to")],
    per: Annotated[Literal["path", "batch"], Field(description="a request for each path, or one for all")] = "path",
    data: Annotated[Any, Field(description="sent along as it is")] = None,
    headers: Annotated[dict[str, str], Field(max_length=50, description="what is no secret")] = {},  # noqa: B006 - never changed
    seconds: Annotated[float, Field(gt=0, le=3600, description="how long each request may take")] = 30.0,
) -> None:
    """Post JSON that says which path, job and step it is about; notes ``http_status``."""
    with Caller(ctx.allowed.http, url, headers, seconds) as caller:
        if per == "batch":
            _post(ctx, caller, [*ctx.each(paths)], data)
        else:
            for path in ctx.each(paths):
                _post(ctx, caller, [path], data)


def _post(ctx: Context, caller: Caller, paths: Sequence[Path], data: Any) -> None:
    """One request, and what it comes to for its paths."""
    if not paths:
        return
    which = ",".join(str(path.index) for path in paths)
    # The same at every attempt that is about the same paths, and only then.
    mark = which if len(paths) == 1 else hashlib.blake2b(which.encode(), digest_size=8).hexdigest()
    body = msgspec.json.encode(
        {
            "job": ctx.job, "task": ctx.task, "step": ctx.step, "site": ctx.site, "attempt": ctx.attempt,
            "paths": [_told(path) for path in paths], "data": data,
        }
    )  # fmt: skip
    try:
        answer = caller.post(body, f"{ctx.idempotency_key}:{mark}")
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the failure of these paths
        for path in paths:
            ctx.fail(path, reason_of(error, path), type(error).__name__)
        return
    for path in paths:
        _say(ctx, path, answer)


def _told(path: Path) -> Mapping[str, Any]:
    """A path as JSON: with its bytes, where they are no text."""
    told: dict[str, Any] = {"path": path.raw.decode(errors="replace"), "kind": path.kind, "notes": dict(path.notes)}
    try:
        path.raw.decode()
    except UnicodeDecodeError:
        told["path_b64"] = base64.b64encode(path.raw).decode()
    return told | {name: value for name, value in (("state", path.state), ("size", path.size)) if value is not None}


def _say(ctx: Context, path: Path, answer: Answer) -> None:
    said = f": {answer.text}" if answer.text else ""
    if 200 <= answer.status < 300:
        path.note(http_status=answer.status)
        ctx.done(path)
    elif 300 <= answer.status < 400:
        ctx.fail(path, f"answered {answer.status}; redirects are not followed", "HttpRefused")
    elif answer.status >= 500 or answer.status in _TRY_AGAIN:
        ctx.fail(path, f"answered {answer.status}{said}", "HttpUnavailable")
    else:
        ctx.fail(path, f"answered {answer.status}{said}", "HttpRefused")
