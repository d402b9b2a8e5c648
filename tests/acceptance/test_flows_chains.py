"""How the outcomes of one step decide what the next ones are given, on a whole stack."""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.whole_stack import Whole, given, make_files, recorded

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]

TEN = [f"{number}.txt" for number in range(10)]


def as_bytes(*files: Path) -> set[bytes]:
    return set(map(os.fsencode, files))


def test_what_fails_stays_and_all_else_goes_on(whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), [f"{number:02d}.txt" for number in range(40)])
    workflow = whole.define(
        {"name": "example.fail", "match": "*7.txt"},
        {"name": "example.record", "folder": str(tmp_path), "site": "paris"},
        batch_size=8,
    )
    job = whole.run(workflow, files[0].parent)
    bad = {file for file in files if file.name.endswith("7.txt")}
    assert job["state"] == "Failure"
    assert (job["paths"]["processed"], job["paths"]["failed"]) == (36, 4)
    assert given(tmp_path, 1) == Counter(as_bytes(*set(files) - bad)), "each of the others, once"
    assert {task["site"] for task in recorded(tmp_path)} == {"paris"}
    assert whole.states(job["id"]) == {(0, "Error"): 4, (0, "Success"): 1, (1, "Success"): 5}
    outcomes = whole.outcomes(job["id"])
    assert {path for path, (outcome, *_) in outcomes.items() if outcome == "failed"} == as_bytes(*bad)
    assert outcomes[os.fsencode(min(bad))] == ("failed", 0, "this one is bad")
    [group] = whole.items(f"/jobs/{job['id']}/errors")
    assert (group["action"], group["error_class"], group["paths"]) == ("example.fail", "ValueError", 4)
    assert set(map(os.fsencode, group["example_paths"])) <= as_bytes(*bad)


def test_an_exception_cancels_the_rest_of_its_chain_and_no_other(whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), TEN)
    workflow = whole.define(
        {"name": "noop"},
        {"name": "example.raise", "match": "4.txt"},
        {"name": "noop", "site": "paris"},
        {"name": "example.record", "folder": str(tmp_path)},
        batch_size=2,
    )
    job = whole.run(workflow, files[0].parent)
    assert job["state"] == "Failure"
    assert (job["paths"]["processed"], job["paths"]["failed"]) == (8, 2), "all the paths of a Failure are failed"
    assert whole.states(job["id"]) == {
        (0, "Success"): 5, (1, "Success"): 4, (1, "Failure"): 1, (2, "Success"): 4, (2, "Cancelled"): 1,
        (3, "Success"): 4, (3, "Cancelled"): 1,
    }  # fmt: skip
    [failure] = whole.items(f"/jobs/{job['id']}/tasks", state="Failure")
    assert (failure["error"]["error_class"], failure["error"]["message"]) == ("RuntimeError", "the whole batch is lost")
    assert "example_actions.py" in failure["error"]["traceback"]
    assert failure["worker"].startswith("london.worker@")
    lost = {path for path, (outcome, *_) in whole.outcomes(job["id"]).items() if outcome == "failed"}
    assert os.fsencode(files[4]) in lost
    assert set(given(tmp_path)) == as_bytes(*files) - lost


def test_when_all_is_skipped_the_rest_is_skipped(whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), TEN)
    workflow = whole.define(
        {"name": "example.skip"}, {"name": "noop"}, {"name": "example.record", "folder": str(tmp_path)}, batch_size=5
    )
    job = whole.run(workflow, files[0].parent)
    assert (job["state"], job["paths"]["skipped"]) == ("Success", 10)
    assert whole.states(job["id"]) == {(0, "Success"): 2, (1, "Skipped"): 2, (2, "Skipped"): 2}
    assert recorded(tmp_path) == []
    assert set(whole.outcomes(job["id"]).values()) == {("skipped", 0, "nothing to do")}


def test_when_all_fail_the_rest_is_skipped(whole: Whole) -> None:
    files = make_files(whole.folder(), TEN)
    job = whole.run(whole.define({"name": "example.fail", "match": "*"}, {"name": "noop"}), files[0].parent)
    assert (job["state"], job["paths"]["failed"]) == ("Failure", 10)
    assert whole.states(job["id"]) == {(0, "Error"): 1, (1, "Skipped"): 1}


def test_what_an_action_forgets_is_failed(whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), TEN)
    workflow = whole.define(
        {"name": "example.forget", "match": "3.txt"}, {"name": "example.record", "folder": str(tmp_path)}
    )
    job = whole.run(workflow, files[0].parent)
    assert (job["state"], job["paths"]["processed"], job["paths"]["failed"]) == ("Failure", 9, 1)
    assert whole.outcomes(job["id"])[os.fsencode(files[3])] == ("failed", 0, "not reported")
    assert set(given(tmp_path)) == as_bytes(*files) - as_bytes(files[3])


def test_an_empty_tree_is_a_success(whole: Whole) -> None:
    empty = whole.folder()
    (empty / "nothing" / "below").mkdir(parents=True)
    job = whole.run(whole.define({"name": "fs.checksum"}, {"name": "noop", "site": "paris"}), empty)
    assert (job["state"], job["paths"]["total"], sum(job["tasks"].values())) == ("Success", 0, 0)
    assert job["paths"]["unmatched"] == 2
    assert [entry["event"] for entry in whole.items(f"/jobs/{job['id']}/history")] == ["Submitted", "AllSucceeded"]


def test_notes_travel_down_the_chain(whole: Whole, tmp_path: Path) -> None:
    [file] = make_files(whole.folder(), ["one.txt"])
    workflow = whole.define(
        {"name": "fs.checksum"},
        {"name": "fs.stat", "site": "paris"},
        {"name": "example.record", "folder": str(tmp_path)},
    )
    assert whole.run(workflow, file.parent)["state"] == "Success"
    [task] = recorded(tmp_path)
    notes = task["given"][0]["notes"]
    assert notes["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (notes["kind"], notes["size"]) == ("file", 7)


def test_paths_as_given_go_to_the_rule_of_their_state(whole: Whole, tmp_path: Path) -> None:
    def rule(state: str, **more: Any) -> dict[str, Any]:
        (tmp_path / state).mkdir()
        return {"state": state, "action": [{"name": "example.record", "folder": str(tmp_path / state)}], **more}

    rules = [rule("default", include=["*:*"]), rule("created"), rule("deleted", type="file")]
    job = whole.run(
        whole.define(discovery=None, filter_rules=rules),
        {"path": "https://example.org/a?b=c#d", "state": "created", "size": 5},
        {"path": "urn:isbn:0451450523", "state": "deleted"},
        {"path_b64": "//4gCg==", "state": "created"},
        "id:42",
        {"path": "x:1", "state": "modified"},
        "no rule takes this",
        "id:42",
    )
    assert (job["state"], job["paths"]["total"], job["paths"]["unmatched"]) == ("Success", 6, 1)
    assert given(tmp_path / "created") == {b"https://example.org/a?b=c#d": 1, b"\xff\xfe \n": 1}
    assert given(tmp_path / "deleted") == {b"urn:isbn:0451450523": 1}
    assert given(tmp_path / "default") == {b"id:42": 2, b"x:1": 1}
    assert [(step["rule"], step["Success"]) for step in job["steps"]] == [(0, 1), (1, 1), (2, 1)]


def test_parameters_come_from_fields_in_their_own_type(whole: Whole, tmp_path: Path) -> None:
    fields = [
        {"name": "number", "type": "int"},
        {"name": "ratio", "type": "float", "default": 0.25},
        {"name": "colour", "type": "choice", "choices": ["red", "green"], "required": True},
        {"name": "anything", "type": "json"},
        {"name": "where", "type": "site", "default": "paris"},
    ]
    action = {
        "name": "example.parameters", "folder": str(tmp_path), "number": "*number", "ratio": "*ratio",
        "choice": "*colour", "anything": {"deep": ["*anything", "**anything", "a *anything"]}, "site": "*where",
    }  # fmt: skip
    workflow = whole.define(action, discovery=None, fields=fields, type="all")
    values = {"number": 7, "colour": "green", "anything": {"a": [1, None, "é"]}}
    job = whole.run(workflow, "x", fields=values)
    assert job["state"] == "Success"
    assert job["fields"] == values | {"ratio": 0.25, "where": "paris"}
    assert job["steps"][0]["site"] == "paris"
    deep = [values["anything"], "*anything", "a *anything"]
    assert recorded(tmp_path) == [{"number": 7, "ratio": 0.25, "choice": "green", "anything": {"deep": deep}}]
    whole.run(workflow, "x", fields={"colour": "red"})
    assert {"number": 0, "ratio": 0.25, "choice": "red", "anything": {"deep": [None, *deep[1:]]}} in recorded(tmp_path)


def test_a_repeated_submission_is_the_same_job(whole: Whole) -> None:
    body = {"workflow": whole.define({"name": "noop"}, discovery=None), "site": "london", "paths": ["a", "b"]}
    headers = {"Idempotency-Key": f"key-{body['workflow']}"}
    first, again = (whole.http.post("/jobs", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    whole.end(first.json()["id"])
    changed = whole.http.post("/jobs", json=body | {"paths": ["a"]}, headers=headers)
    assert changed.status_code == 409
    assert str(first.json()["id"]) in changed.json()["detail"]


def test_many_at_once_with_one_key_make_one_job(whole: Whole) -> None:
    body = {"workflow": whole.define({"name": "noop"}, discovery=None), "site": "london", "paths": ["a"]}
    key = {"Idempotency-Key": f"at-once-{body['workflow']}"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: whole.http.post("/jobs", json=body, headers=key), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_many_jobs_at_once_all_end(whole: Whole) -> None:
    files = make_files(whole.folder(), TEN)
    workflow = whole.define({"name": "fs.checksum"}, {"name": "noop", "site": "paris"}, batch_size=3)
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda n: whole.submit(workflow, files[0].parent, priority=n % 10), range(24)))
    ended = [whole.end(job, 60) for job in jobs]
    assert {(job["state"], job["paths"]["processed"]) for job in ended} == {("Success", 10)}
