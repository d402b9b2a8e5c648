"""What every answer may be: a page of a list, or a problem."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Some items of a list; ``next_cursor`` asks for those that follow, and is null at the end."""

    items: list[T]
    next_cursor: str | None = None


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    place: str = Field(description="a JSON path into the body, `?name` for a query parameter", examples=["$.paths[3]"])
    reason: str


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:orchestrator:problem:unprocessable-content",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "the request is wrong",
                    "errors": [{"place": "$.paths[3]", "reason": "a path may not contain NUL"}],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[Wrong]
    legal_events: list[str] | None = Field(
        default=None, description="with 409: what could happen instead, in this state"
    )
