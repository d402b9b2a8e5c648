"""Errors become problem documents."""

import json

import pytest
from sqlalchemy import exc

from orchestrator.api.problems import response_to
from orchestrator.domain.batch_job import BATCH_JOB, JobEvent, JobState
from orchestrator.errors import (
    Conflict,
    Fault,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unreachable,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated("x"), 401),
        (Forbidden("x"), 403),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (TooLarge("x"), 413),
        (Invalid("x"), 422),
        (Unreachable("x"), 503),
        (exc.TimeoutError("no connection is free"), 503),
        (exc.OperationalError("select 1", {}, Exception("gone")), 503),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int):
    answer = response_to(error)
    document = json.loads(bytes(answer.body))
    assert (answer.status_code, document["status"], answer.media_type) == (status, status, "application/problem+json")
    assert {"type", "title", "status", "detail", "errors"} <= document.keys()
    assert ("retry-after" in answer.headers) == (status == 503)


def test_an_illegal_event_names_the_legal_ones():
    with pytest.raises(IllegalTransition) as illegal:
        BATCH_JOB.fire(JobState.PAUSED, JobEvent.PAUSE_REQUESTED)
    document = json.loads(bytes(response_to(illegal.value).body))
    assert document["status"] == 409
    assert document["legal_events"] == ["ResumedUnstarted", "Resumed", "CancelRequested"]


def test_what_is_no_text_is_told_as_text():
    answer = response_to(Invalid("wrong", [Fault("$['\ud800']", "\udfff is no text")]))
    assert json.loads(bytes(answer.body))["errors"] == [{"place": "$['?']", "reason": "? is no text"}]
