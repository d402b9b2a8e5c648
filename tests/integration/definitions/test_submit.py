"""Submitting: what is written, what is refused and where, the same key twice, and very many paths."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine, func, insert, select, update

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import unpack
from orchestrator.errors import Conflict, Invalid
from orchestrator.services import define
from orchestrator.services.submit import Submitted, submit
from orchestrator.storage.tables import discoveries, history, job_steps, jobs, nodes, progress, site_actions, walks


@pytest.fixture
def defined(offering: Engine, copying: dict[str, Any]) -> Engine:
    noop = {"name": "plain", "filter_rules": [{"action": [{"name": "noop"}]}]}
    with offering.begin() as tx:
        define.create(tx, copying, "ann")
        define.create(tx, noop, "ann")
    return offering


def request(**more: Any) -> dict[str, Any]:
    return {"workflow": "verify_and_copy", "site": "london", "paths": ["/data"], "fields": {"to": "paris"}} | more


def plain(**more: Any) -> dict[str, Any]:
    return {"workflow": "plain", "site": "london", "paths": ["x"]} | more


def make(engine: Engine, body: Any, key: str | None = None) -> Submitted:
    with engine.begin() as tx:
        return submit(tx, body, "ann", key)


def refused(engine: Engine, body: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        make(engine, body)
    with engine.connect() as tx:
        assert tx.scalar(select(func.count()).select_from(jobs)) == 0
    return {fault.place: fault.reason for fault in refusal.value.faults}


def test_a_job_is_written_whole(defined: Engine) -> None:
    job, created = make(defined, request(queue="night", priority=7, paths=["/data/a", "/data/b c\n"]))
    assert created
    with defined.connect() as tx:
        row = tx.execute(select(jobs).where(jobs.c.id == job)).one()
        assert (row.kind, row.state, row.workflow, row.workflow_version) == ("batch", "Pending", "verify_and_copy", 1)
        assert (row.site, row.queue, row.priority, row.owner) == ("london", "night", 7, "ann")
        assert row.fields == {"to": "paris", "algorithm": "sha256"}
        steps = tx.execute(select(job_steps).order_by(job_steps.c.rule, job_steps.c.step)).all()
        assert [
            (s.rule, s.step, s.action, s.site, s.queue, s.function, s.params, s.options, s.waits) for s in steps
        ] == [
            (0, 0, "fs.checksum", "london", "night", "worker", {"algorithm": "sha256"}, {}, False),
            (0, 1, "fs.copy", "paris", "bulk", "worker", {"destination": "/in"}, {"timeout_s": 600.0}, False),
            (1, 0, "browse", "london", "night", "interactive", {}, {}, False),
        ]
        assert steps[1].label == "Copy"
        found = tx.execute(select(discoveries)).one()
        assert (found.method, found.options, found.state, found.waiting) == (
            "recursive", {"skip_missing": True}, "Waiting", 2
        )  # fmt: skip
        assert msgspec.convert(found.rules, list[RuleOrder]) == [
            RuleOrder("file", "all", ["*.tif"], [], 500),
            RuleOrder("directory"),
        ]
        starts = tx.execute(select(walks).order_by(walks.c.subtree)).all()
        assert [(w.subtree, w.state, unpack(w.input).paths) for w in starts] == [
            (0, "Waiting", [b"/data/a"]),
            (1, "Waiting", [b"/data/b c\n"]),
        ]
        assert tx.execute(select(progress)).one().total == 0
        entry = tx.execute(select(history)).one()
        assert (entry.seq, entry.actor, entry.event, entry.from_state, entry.to_state) == (
            1, "ann", "Submitted", None, "Pending"
        )  # fmt: skip


def test_given_paths_keep_their_bytes_states_and_sizes(defined: Engine) -> None:
    odd = b"/\xff\xfe"
    body = plain(
        paths=[
            "s3://bucket/x",
            {"path": "/é", "state": "created", "size": 3},
            {"path_b64": base64.b64encode(odd).decode(), "path": "\ufffd"},
        ]
    )
    make(defined, body)
    with defined.connect() as tx:
        assert tx.scalar(select(discoveries.c.method)) == "given"
        listed = unpack(tx.scalars(select(walks.c.input)).one())
    assert listed.paths == [b"s3://bucket/x", "/é".encode(), odd]
    assert listed.states == [None, "created", None]
    assert listed.sizes == [None, 3, None]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"workflow": "nope"}, "$.workflow", "there is no workflow 'nope'"),
    ({"site": "rome"}, "$.site", "unknown site 'rome'; known: london, paris"),
    ({"fields": {}}, "$.fields.to", "is required"),
    ({"fields": {"to": None}}, "$.fields.to", "is required"),
    ({"fields": {"to": "rome"}}, "$.fields.to", "unknown site 'rome'"),
    ({"fields": {"to": "paris", "algorithm": "md5"}}, "$.fields.algorithm", "has to be one of 'sha256', 'blake2b'"),
    ({"fields": {"to": "paris", "x y": 1}}, "$.fields['x y']", "unknown field"),
    ({"fields": {"to": "paris", "verify": "yes"}}, "$.fields.verify", "has to be true or false"),
    ({"fields": []}, "$.fields", "has to be an object"),
    ({"fields": {"to": "pa\0ris"}}, "$.fields.to", "contains a NUL character"),
    ({"paths": []}, "$.paths", "has 0 paths: it takes 1 to 1000000"),
    ({"paths": "x"}, "$.paths", "has to be a list"),
    ({"paths": ["/a", "b/c"]}, "$.paths[1]", "has to be an absolute path"),
    ({"paths": ["/a\0"]}, "$.paths[0]", "contains a NUL character"),
    ({"paths": [{"path_b64": "YQBi"}]}, "$.paths[0].path_b64", "contains a NUL character"),
    ({"paths": [{"path_b64": "?"}]}, "$.paths[0].path_b64", "is not base64"),
    ({"paths": [""]}, "$.paths[0]", "is empty"),
    ({"paths": [7]}, "$.paths[0]", "has to be a text"),
    ({"paths": [{}]}, "$.paths[0]", "has neither path nor path_b64"),
    ({"paths": [{"path": "/a", "sise": 1}]}, "$.paths[0].sise", "unknown key"),
    ({"paths": [{"path": "/a", "size": -1}]}, "$.paths[0].size", "whole number of bytes"),
    ({"paths": [{"path": "/a", "size": True}]}, "$.paths[0].size", "whole number of bytes"),
    ({"paths": [{"path": "/a", "state": ""}]}, "$.paths[0].state", "1 to 100"),
    ({"paths": ["/" + "a" * 40_000]}, "$.paths[0]", "is longer than"),
    ({"priority": 10}, "$.priority", "less than or equal to 9"),
    ({"priority": "5"}, "$.priority", "has to be a whole number"),
    ({"queue": "a.b"}, "$.queue", "has to match"),
    ({"discovery": "snapdiff"}, "$.discovery", "unknown discovery 'snapdiff'; known: changes, "),
    ({"dry_run": "yes"}, "$.dry_run", "true or false"),
    ({"workflow_version": 9}, "$.workflow_version", "has no version 9"),
    ({"workflow_version": 0}, "$.workflow_version", "greater"),
    ({"not_before": "2030-01-01T00:00:00"}, "$.not_before", "no time zone"),
    ({"deadline": "2020-01-01T00:00:00Z"}, "$.deadline", "has passed already"),
    ({"not_before": "2030-01-02T00:00:00Z", "deadline": "2030-01-01T00:00:00Z"}, "$", "later than not_before"),
    ({"speed": 1}, "$.speed", "unknown key"),
    ({"fields": {"to": "paris", "big": 1 << 80}}, "$.fields.big", "does not fit into 64 bits"),
]


def test_a_wrong_request_is_refused_with_its_place(defined: Engine) -> None:
    for more, place, reason in WRONG:
        assert reason in refused(defined, request(**more)).get(place, ""), (more, place)


def test_everything_that_is_wrong_is_told_at_once(defined: Engine) -> None:
    found = refused(defined, request(site="rome", paths=["b", "", 3], fields={"nope": 1}, discovery="x"))
    assert found.keys() == {
        "$.site", "$.fields.nope", "$.fields.to", "$.paths[0]", "$.paths[1]", "$.paths[2]", "$.discovery"
    }  # fmt: skip
    assert len(refused(defined, request(paths=[""] * 1000))) == 20


def test_what_is_no_request_is_refused(defined: Engine) -> None:
    bodies: list[Any] = [None, [], "x", 3, {}]
    assert all(refused(defined, body) for body in bodies)


def test_parameters_are_checked_against_the_site_that_runs_the_step(defined: Engine) -> None:
    definition = {
        "name": "tiles",
        "fields": [{"name": "zoom", "type": "int"}, {"name": "at", "type": "string"}],
        "filter_rules": [{"action": [{"name": "raster.tile", "zoom": "*zoom", "site": "*at"}]}],
    }
    literal = {"name": "literal", "filter_rules": [{"action": [{"name": "raster.tile", "dpi": 3}]}]}
    sleeping = {"name": "sleeping", "filter_rules": [{"action": [{"name": "sleep", "seconds": 1}]}]}
    with defined.begin() as tx:
        for document in (definition, literal, sleeping):
            define.create(tx, document, "ann")
    assert refused(defined, plain(workflow="tiles", fields={"zoom": 99})) == {
        "$.fields.zoom": "filter_rules[0].action[0].zoom: has to be at most 24, not 99"
    }
    assert refused(defined, plain(workflow="tiles", fields={"at": "rome"})) == {
        "$.fields.at": "filter_rules[0].action[0]: unknown site 'rome'; known: london, paris"
    }
    assert refused(defined, plain(workflow="literal")) == {
        "$.workflow": "filter_rules[0].action[0].dpi: unknown parameter; known: name, zoom"
    }
    assert refused(defined, plain(workflow="sleeping")) == {
        "$.site": "filter_rules[0].action[0]: unknown action 'sleep' at site london; offered at paris"
    }
    assert make(defined, plain(workflow="tiles", fields={"zoom": 99, "at": "paris"})).created
    with defined.connect() as tx:
        assert tx.execute(select(job_steps.c.site, job_steps.c.params)).one() == ("paris", {"zoom": 99})


def test_a_step_that_changes_what_is_walked_waits(defined: Engine) -> None:
    with defined.begin() as tx:
        tx.execute(update(site_actions).where(site_actions.c.action == "fs.copy").values(changes=["destination"]))
    for path in ("/data", "/in/deep", "/"):
        make(defined, request(paths=[path]))
    make(defined, request(paths=["/in/x"], discovery=None))
    with defined.connect() as tx:
        waits = select(job_steps.c.waits).where(job_steps.c.action == "fs.copy").order_by(job_steps.c.job_id)
        assert tx.scalars(waits).all() == [False, True, True, False]


@pytest.mark.parametrize(
    ("changes", "verify", "discovery", "waits"),
    [
        (["paths"], False, "recursive", True),
        (["paths"], True, None, False),
        (["verify"], True, "recursive", True),
        (["verify"], False, "recursive", False),
        (["verify"], None, "recursive", False),
    ],
)
def test_a_step_that_changes_its_own_paths_waits_where_they_are_walked(
    defined: Engine, changes: list[str], verify: bool | None, discovery: str | None, waits: bool
) -> None:
    with defined.begin() as tx:
        tx.execute(update(site_actions).where(site_actions.c.action == "fs.copy").values(changes=changes))
    make(defined, request(paths=["/in/x"], discovery=discovery, fields={"to": "paris", "verify": verify}))
    with defined.connect() as tx:
        assert tx.scalars(select(job_steps.c.waits).where(job_steps.c.action == "fs.copy")).all() == [waits]


def test_an_override_of_discovery_has_no_options_of_the_workflow(defined: Engine) -> None:
    with defined.begin() as tx:
        tx.execute(
            insert(nodes).values(
                site="london", node="n", function="discovery", queues=["default"], concurrency=1, version="1",
                discoveries=["recursive", "given", "tape"],
            )
        )  # fmt: skip
    make(defined, request(discovery=None, paths=["relative"]))
    make(defined, request(discovery="recursive"))
    make(defined, plain(discovery="recursive", paths=["/x"]))
    make(defined, request(discovery="tape"))
    with defined.connect() as tx:
        found = tx.execute(select(discoveries.c.method, discoveries.c.options).order_by(discoveries.c.job_id)).all()
    assert found == [("given", {}), ("recursive", {"skip_missing": True}), ("recursive", {}), ("tape", {})]


def test_a_disabled_or_deleted_workflow_can_not_be_run(defined: Engine) -> None:
    disabled = {"name": "plain", "enabled": False, "filter_rules": [{"action": [{"name": "noop"}]}]}
    with defined.begin() as tx:
        define.change(tx, "plain", disabled, "ann")
        define.delete(tx, "verify_and_copy", "tester")
    with pytest.raises(Conflict):
        make(defined, plain(site="rome"))
    assert refused(defined, request()).keys() == {"$.workflow"}


def test_a_job_keeps_its_version(defined: Engine) -> None:
    first = make(defined, plain()).job_id
    with defined.begin() as tx:
        define.change(tx, "plain", {"filter_rules": [{"action": [{"name": "fs.checksum"}]}]}, "ann")
    make(defined, plain())
    with defined.connect() as tx:
        assert tx.scalars(select(jobs.c.workflow_version).order_by(jobs.c.id)).all() == [1, 2]
        assert tx.scalar(select(job_steps.c.action).where(job_steps.c.job_id == first)) == "noop"


def test_the_same_key_is_the_same_job(defined: Engine) -> None:
    first = make(defined, plain(priority=3), "k")
    reordered = dict(reversed(plain(priority=3).items()))
    assert make(defined, reordered, "k") == Submitted(first.job_id, created=False)
    with pytest.raises(Conflict):
        make(defined, plain(priority=4), "k")
    with pytest.raises(Conflict):
        make(defined, {"broken": 1}, "k")
    with defined.begin() as tx:
        assert submit(tx, plain(priority=4), "bob", "k").created
        tx.execute(update(jobs).where(jobs.c.owner == "ann").values(priority=9))
    assert make(defined, plain(), None).created


def test_the_same_key_at_once_makes_one_job(defined: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: make(defined, plain(), "k"), range(24)))
    assert len({answer.job_id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1
    with defined.connect() as tx:
        assert tx.scalar(select(func.count()).select_from(walks)) == 1


def test_very_many_paths(defined: Engine) -> None:
    paths = [f"/data/some/long/folder/name/that/is/typical/of/real/trees/file-{i:09d}.tif" for i in range(300_000)]
    body = msgspec.json.encode(plain(paths=paths))
    began = time.process_time()
    make(defined, msgspec.json.decode(body))
    assert time.process_time() - began < 3
    with defined.connect() as tx:
        inputs = tx.scalars(select(walks.c.input).order_by(walks.c.subtree)).all()
        assert tx.scalar(select(discoveries.c.waiting)) == len(inputs) == 60
    listed = [path for blob in inputs for path in unpack(blob).paths]
    assert listed == [path.encode() for path in paths]


def test_long_paths_make_smaller_walks(defined: Engine) -> None:
    paths = ["/" + "d" * 4000 + str(i) for i in range(1000)]
    make(defined, plain(paths=paths))
    with defined.connect() as tx:
        lists = [unpack(blob) for blob in tx.scalars(select(walks.c.input).order_by(walks.c.subtree))]
    assert [path.decode() for listed in lists for path in listed.paths] == paths
    assert max(sum(map(len, listed.paths)) for listed in lists) <= 1024 * 1024


def test_over_http(defined: Engine, api: httpx.Client) -> None:
    made = api.post("/jobs", json=request(), headers={"Idempotency-Key": "k"})
    assert made.status_code == 201, made.text
    job = made.json()
    assert made.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["state"], job["workflow"], job["owner"]) == ("Pending", "verify_and_copy", "admin")
    assert job == api.get(f"/jobs/{job['id']}").json()
    again = api.post("/jobs", json=request(), headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    other = api.post("/jobs", json=request(priority=1), headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert api.post("/jobs", json=request(), headers={"Idempotency-Key": "k" * 300}).status_code == 422
    assert api.post("/jobs?nope=1", json=request()).status_code == 422


BODIES = [
    (b"{", "application/json", 422),
    (b"", "application/json", 422),
    (b"[" * 100_000, "application/json", 422),
    (b'{"workflow": "\\ud800"}', "application/json", 422),
    (b'{"workflow": "a\\u0000"}', "application/json", 422),
    (b'{"workflow": NaN}', "application/json", 422),
    (b'{"workflow": ' + b"9" * 5000 + b"}", "application/json", 422),
    (b"\xff", "application/json", 422),
    (b"name: x", "application/yaml", 415),
    (b"x" * (33 * 1024 * 1024), "application/json", 413),
]


def test_a_body_that_is_none(api: httpx.Client) -> None:
    for content, media_type, status in BODIES:
        answer = api.post("/jobs", content=content, headers={"Content-Type": media_type})
        assert answer.status_code == status, content[:50]
        assert answer.headers["content-type"] == "application/problem+json"


def test_openapi_tells_of_the_bodies(api: httpx.Client) -> None:
    document = api.get(str(api.base_url).replace("/api/v1/", "/openapi.json")).json()
    posted = document["paths"]["/api/v1/workflows"]["post"]["requestBody"]["content"]
    assert posted.keys() == {"application/json", "application/yaml"}
    assert posted["application/json"]["schema"]["required"] == ["name", "filter_rules"]
    job = document["paths"]["/api/v1/jobs"]["post"]
    submission, group_job, edit_job = job["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    required = [one["required"] for one in (submission, group_job, edit_job)]
    assert required == [["workflow", "site"], ["task_group"], ["job_type", "name"]]
    assert job["responses"].keys() >= {"200", "201", "409", "422"}
