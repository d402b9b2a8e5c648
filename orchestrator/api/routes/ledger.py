"""A job's ledger, to be kept elsewhere: every path, and what became of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from orchestrator.api.ledger_file import FORMATS, require
from orchestrator.api.requires import Db, StrictQuery, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.contracts.views import Outcome
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.ledger import read_ledger

router = APIRouter(tags=["jobs"])
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


class LedgerQuery(StrictQuery):
    """Which paths, and how they are written."""

    format: Literal["csv", "jsonl", "parquet"] = Field("csv", description="`jsonl`: an object a line")
    outcome: list[Outcome] = Field(default_factory=list[Outcome], max_length=100, description="only these; repeatable")


@router.get(
    "/jobs/{job_id}/ledger",
    dependencies=[needs(Permission.READ)],
    summary="A job's whole ledger, as a file",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                one.media_type: _BYTES if name == "parquet" else _TEXT for name, one in FORMATS.items()
            }
        }
    },
)  # fmt: skip
def export_ledger(job_id: KnownJob, engine: Db, query: Annotated[LedgerQuery, Query()]) -> StreamingResponse:
    """Every path once, chain by chain, sent while it is read: CSV, JSON lines or Parquet.

    `outcome` is empty while a path has none. Of a job that goes on, each part is as it was when it was read.
    """
    chosen = require(query.format)
    content = chosen.write(read_ledger(engine, job_id, frozenset(query.outcome)))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="job-{job_id}.{query.format}"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(content, headers=headers, media_type=chosen.media_type)
