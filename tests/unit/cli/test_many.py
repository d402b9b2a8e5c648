"""Doing the same with many jobs, and submitting many, as somebody types it; a server of the test's own answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_commands import Done, orchestrator
from tests.unit.client.stage import Asked, Play, answer, staged

DONE: dict[str, Any] = {
    "action": "pause", "dry_run": False, "matched": 2, "changed": 1, "unchanged": 0, "skipped": 1, "made": [],
    "skips": [{"job_id": 13, "state": "Success", "why": "it has ended"}], "next_cursor": None,
}  # fmt: skip


def typed(home: Path, plays: list[Play], *words: str) -> tuple[Done, Asked]:
    with staged() as (staged_plays, asked, url):
        staged_plays.extend(plays)
        return orchestrator(*words, home=home, ORCHESTRATOR_URL=url, ORCHESTRATOR_KEY="k"), asked


def test_several_that_are_named_are_asked_for_together_and_one_that_is_left_out_is_a_failure(tmp_path: Path) -> None:
    done, [(line, _, body)] = typed(tmp_path, [answer(200, DONE)], "pause", "12", "13", "--reason", "lunch")
    assert (line, done.returncode) == ("POST /api/v1/jobs/bulk", 1)
    assert json.loads(body) == {"action": "pause", "filter": {"id": [12, 13]}, "dry_run": False, "reason": "lunch"}
    assert done.stdout == "2 jobs match: 1 paused, 0 were so already, 1 left out\n"
    assert done.stderr == "  job 13 (Success): it has ended\n"


def test_those_that_filters_choose_are_counted_first(tmp_path: Path) -> None:
    where = ("--where", "state=Paused", "--where", "state=Pending", "--where", "parent=7", "--dry-run")
    done, [(_, _, body)] = typed(tmp_path, [answer(200, DONE | {"dry_run": True})], "cancel", *where)
    assert json.loads(body) == {
        "action": "cancel", "filter": {"state": ["Paused", "Pending"], "parent": 7}, "dry_run": True,
    }  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("2 jobs match: 1 would be cancelled")


def test_each_job_that_matches_gets_a_hold(tmp_path: Path) -> None:
    held = answer(200, DONE | {"action": "hold", "made": [4, 5]})
    done, [(_, _, body)] = typed(tmp_path, [held], "hold", "add", "--where", "owner=ann", "--reason", "leave")
    assert json.loads(body)["filter"] == {"owner": ["ann"]}
    assert "new holds: 4, 5\n" in done.stdout


def test_a_file_of_jobs_is_submitted_and_each_line_that_is_refused_told(tmp_path: Path) -> None:
    file = tmp_path / "jobs.ndjson"
    file.write_text('{"workflow": "w"}\n\n{"workflow": "no"}\n')
    made = {"line": 1, "status": 201, "job_id": 7, "state": "Pending"}
    wrong = {"place": "$.workflow", "reason": "there is no workflow 'no'"}
    refused = {"line": 2, "status": 422, "title": "no", "detail": "the job can not be taken", "errors": [wrong]}
    lines = "".join(f"{json.dumps(one)}\n" for one in (made, refused)).encode()
    done, _ = typed(tmp_path, [answer(200, lines, "application/x-ndjson")], "submit", "--file", str(file))
    assert (done.returncode, done.stdout) == (1, "line 1: job 7 is Pending\n1 jobs, 1 lines refused\n")
    assert done.stderr == "line 3: the job can not be taken\n  $.workflow: there is no workflow 'no'\n"


def test_a_service_that_goes_away_meanwhile_leaves_the_key_with_which_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "jobs.ndjson"
    file.write_text('{"workflow": "w"}\n')
    away = b'{"line": 1, "status": 503, "detail": "the database is away"}\n'
    plays = [answer(200, away, "application/x-ndjson", Retry_After="0")] * 3
    done, asked = typed(tmp_path, plays, "submit", "--file", str(file), "--idempotency-key", "night-1")
    assert (done.returncode, len(asked)) == (3, 3)
    assert done.stderr.splitlines() == [
        "some may not be submitted; the same file goes on with: --idempotency-key night-1",
        "orchestrator: the database is away",
    ]


@pytest.mark.parametrize("line", ["nonsense", "[]"])
def test_a_line_that_is_no_job_is_wrong_usage(line: str, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text(f"\n{line}\n")
    done, asked = typed(tmp_path, [], "submit", "--file", str(tmp_path / "jobs"))
    assert (done.returncode, asked) == (2, [])
    assert "line 2" in done.stderr
