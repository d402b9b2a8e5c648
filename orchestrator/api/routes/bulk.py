"""Many jobs at once: doing the same with those that a filter names, and submitting them line by line."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from orchestrator.api.answered_lines import AnsweredLines
from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.fired import revoke_by
from orchestrator.api.idempotency import Key
from orchestrator.api.requires import AllParts, NoQuery, Who, needs
from orchestrator.api.routes.stream import NDJSON, TAKEN_AS_NDJSON
from orchestrator.api.submitter import LONGEST_KEY, Submitter
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.bulk import BulkAsked
from orchestrator.domain.roles import Permission
from orchestrator.errors import Fault, Invalid
from orchestrator.services.bulk import MOST_SKIPS, do_with_many
from orchestrator.storage.queries.keyset import decode, encode

router = APIRouter(tags=["jobs"])
_Lines = Annotated[str, Field(description="a line each, in their order")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A body of POST /jobs a line",
        "content": {
            NDJSON: {
                "schema": {"type": "string"},
                "example": '{"workflow": "copy", "site": "london", "paths": ["/data/a"]}\n'
                '{"workflow": "copy", "site": "london", "paths": ["/data/b"], "priority": 9}\n',
            }
        },
    }
}
_ANSWER: dict[str, Any] = {
    NDJSON: {
        "schema": {"type": "string"},
        "example": '{"line":1,"status":201,"job_id":17,"state":"Pending"}\n'
        '{"line":2,"status":422,"title":"Unprocessable Content","detail":"the job can not be taken",'
        '"errors":[{"place":"$.workflow","reason":"there is no workflow \'copy\'"}]}\n',
    }
}


@router.post(
    "/jobs/bulk",
    dependencies=[needs(Permission.CONTROL)],
    openapi_extra=taking(BulkAsked, JSON),
    summary="Do the same with many jobs",
)
def do_in_bulk(
    parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.BulkDone:
    """Pause, resume, cancel, redrive, hold or release every job that a filter names, each by itself.

    With `dry_run`, only say how many that would be. One that can not be changed is skipped, with the reason; what is so
    already is unchanged, so that all of it may be repeated. 1,000 jobs are looked at at most; `next_cursor` goes on.
    """
    asked = body.model(BulkAsked, "this can not be done with many jobs")
    cursor = None if asked.cursor is None else decode(asked.cursor, "many jobs", int)[0]
    done = do_with_many(parts.engine, asked, who, cursor, revoke_by(parts))
    if not asked.dry_run:
        background.add_task(wake, parts.redis_url)
    return views.BulkDone(
        action=asked.action,
        dry_run=asked.dry_run,
        matched=done.changed + done.unchanged + len(done.skipped),
        changed=done.changed,
        unchanged=done.unchanged,
        skipped=len(done.skipped),
        skips=[views.Skip(job_id=job, state=state, why=why) for job, state, why in done.skipped[:MOST_SKIPS]],
        made=done.made,
        next_cursor=None if done.last is None else encode("many jobs", [done.last]),
    )


@router.post(
    "/jobs/batch",
    dependencies=[needs(Permission.SUBMIT)],
    openapi_extra=_BODY,
    summary="Start many jobs, a line each",
    response_class=Response,
    responses={200: {"content": _ANSWER, "description": "An answer for each line, in their order"}},
)
async def submit_batch(
    parts: AllParts,
    who: Who,
    request: Request,
    _query: NoQuery,
    idempotency_key: Key = None,
) -> Response:
    """Each line is a body of `POST /jobs`, kept and answered as it comes; one that is refused stops none of the others.

    Answers are sent while lines still come: whoever waits for that of one before sending the next may. A line that was
    answered is done; of a connection that broke, others may be, and none is half done. With an `Idempotency-Key` the
    same lines may be sent again then: each makes one job. At most 10,000 lines of 1 MiB, and 32 MiB in all; what is
    beyond is refused in the last answer, and so is a body of which nothing comes for 5 minutes (408).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in TAKEN_AS_NDJSON:
        raise HTTPException(415, f"the body has to be lines of JSON, sent with Content-Type: {NDJSON}")
    if idempotency_key is not None and len(idempotency_key) > LONGEST_KEY:
        raise HTTPException(422, f"the Idempotency-Key of a batch has {LONGEST_KEY} characters at most")
    answers = Submitter(parts, who, idempotency_key).answers(aiter(request.stream()))
    first = await anext(answers, None)
    if first is None:
        raise Invalid("the request is wrong", [Fault("$", "has no line")])
    return AnsweredLines(_with(first, answers), NDJSON)


async def _with(first: str, others: AsyncGenerator[str]) -> AsyncGenerator[str]:
    yield first
    async for one in others:
        yield one
