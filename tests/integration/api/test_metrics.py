"""Metrics, read as Prometheus reads them: by its own parser, by promtool, and by a Prometheus that scrapes."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert

from orchestrator.api.app import make_app
from orchestrator.broker.connection import connect
from orchestrator.hub import run
from orchestrator.stack.wait import wait_until
from orchestrator.storage import tables, tally
from orchestrator.storage.active import NAME
from orchestrator.storage.database import make_engine
from tests.asking import asking
from tests.integration.api.conftest import SECRET, served
from tests.integration.api.rows import add_job
from tests.integration.api.test_sites import add_site, make_ready

DOCS = Path(__file__).parents[3] / "docs"
HERE = "apt install prometheus"
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason=f"no promtool here (Debian: {HERE})")
prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason=f"no Prometheus here (Debian: {HERE})")

Samples = dict[str, dict[tuple[str, ...], float]]
"""Name of a sample -> the values of its labels, in the order of their names -> its value."""


def scraped(api: httpx.Client) -> Samples:
    answer = api.get("/metrics")
    assert answer.status_code == 200, answer.text
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.fixture
def work(engine: Engine) -> None:
    """A bit of everything."""
    with engine.begin() as tx:
        add_site(tx, "london", functions=("worker", "discovery"))
        make_ready(tx, "london", 3, since_s_ago=5)
        add_job(tx, state="Paused", ended_at=None)  # type: ignore[arg-type]
        tx.execute(insert(tables.holds).values(site="london", reason="r", author="a"))
        tally.add(tx, {("jobs", "batch", "Success"): 2, ("tasks", "Error"): 3, ("reports", "london", "ended"): 5})
        tally.add(tx, {("turns", "0.01"): 4, ("turns", "inf"): 1, ("turns_seconds",): 7.5})


def test_the_installation_is_told_of(api: httpx.Client, work: None):
    told = scraped(api)
    assert told["orchestrator_jobs"] == {("batch", "Started"): 1, ("batch", "Paused"): 1}
    assert told["orchestrator_tasks"]["Pending",] == 3
    assert told["orchestrator_jobs_entered_total"]["batch", "Success"] == 2
    assert told["orchestrator_tasks_ended_total"]["Error",] == 3
    assert told["orchestrator_reports_total"]["ended", "london"] == 5
    lane = ("worker", "default", "london")
    assert told["orchestrator_queue_waiting"][lane] == 3
    assert 5 <= told["orchestrator_queue_oldest_wait_seconds"][lane] < 60
    assert told["orchestrator_queue_slots"][lane] == 2
    assert told["orchestrator_site_nodes"]["london",] == 2
    assert sum(told["orchestrator_site_health"].values()) == 1
    assert told["orchestrator_holds"] == {("manual",): 1}
    assert told["orchestrator_people_tasks"] == {("waiting",): 0, ("claimed",): 0}
    buckets = told["orchestrator_hub_turn_duration_seconds_bucket"]
    assert (buckets["0.005",], buckets["0.01",], buckets["5.0",], buckets["+Inf",]) == (0, 4, 4, 5)
    assert told["orchestrator_hub_turn_duration_seconds_count"] == {(): 5}
    assert told["orchestrator_database_up"] == {(): 1}
    assert told["orchestrator_broker_up"] == {(): 0}
    assert told["orchestrator_hubs"] == {("active",): 0, ("standby",): 0}


def test_requests_are_told_apart_by_route_and_never_by_id(api: httpx.Client, work: None):
    for job in (1, 2, 999_999):
        api.get(f"/api/v1/jobs/{job}")
    for stranger in range(5):
        httpx.get(f"{api.base_url}/stranger-{stranger}", trust_env=False)
    httpx.request("BREW", f"{api.base_url}/api/v1/jobs/1", trust_env=False)
    told = scraped(api)["orchestrator_http_requests_total"]
    route = next(key[1] for key in told if "{" in key[1])
    assert route.endswith("/jobs/{job_id}")
    assert (told["GET", route, "200"], told["GET", route, "404"]) == (2, 1)
    assert (told["GET", "none", "401"], told["none", "none", "401"]) == (5, 1)
    assert scraped(api)["orchestrator_http_request_duration_seconds_count"]["GET", route] == 3


def test_every_process_tells_the_same_of_the_installation(
    api: httpx.Client, engine: Engine, admin_key: str, work: None
):
    app = make_app(engine, secret=SECRET, redis_url=None)
    with served(app) as (host, port), asking(f"http://{host}:{port}", admin_key) as other:
        one, two = scraped(api), scraped(other)
    own = {name for name in one if name.startswith("orchestrator_http_")}
    installation = {n for n in one.keys() - own if n.startswith("orchestrator_") and "oldest" not in n}
    assert {name: one[name] for name in installation} == {name: two[name] for name in installation}


def test_strangers_are_told_nothing(anonymous: httpx.Client):
    assert anonymous.get("/metrics").status_code == 401


def test_a_database_that_is_away_is_told_of(engine: Engine, admin_key: str):
    away = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    app = make_app(away, secret=SECRET, redis_url="redis://:secret-word@127.0.0.1:9/0")
    content, _ = app.state.exposition.scraped("")
    assert b"orchestrator_database_up 0.0" in content
    assert b"orchestrator_jobs" not in content
    assert b"orchestrator_broker_up 0.0" in content
    assert b"secret-word" not in content


def test_who_leads_and_who_waits(api: httpx.Client, engine: Engine, redis_url: str, tmp_path: Path):
    stop = threading.Event()
    url = engine.url.render_as_string(hide_password=False)
    engines = [make_engine(url, pool_size=1, name=NAME, by_key=True) for _ in range(2)]
    hubs = [threading.Thread(target=run, args=(one, connect(redis_url), SECRET, stop, tmp_path)) for one in engines]
    for hub in hubs:
        hub.start()
    try:
        told = {("active",): 1.0, ("standby",): 1.0}
        assert wait_until(lambda: scraped(api)["orchestrator_hubs"] == told, 20)
        assert wait_until(lambda: scraped(api)["orchestrator_hub_last_turn_timestamp_seconds"][()] > 0, 20)
    finally:
        stop.set()
        for hub, one in zip(hubs, engines, strict=True):
            hub.join(20)
            one.dispose()


def test_a_scrape_reads_no_more_when_more_is_kept(engine: Engine, work: None):
    """Rows of what has ended are not looked at: the plan of each statement goes by what is open."""
    with engine.begin() as tx:
        tx.exec_driver_sql(
            "insert into jobs (state, owner, workflow, ended_at) "
            "select 'Success', 'a', 'w', now() from generate_series(1, 20000)"
        )
        tx.exec_driver_sql("analyze jobs")
        plan = "\n".join(
            row[0]
            for row in tx.exec_driver_sql(
                "explain select kind, state, count(*) from "
                "(select kind, state from jobs where ended_at is null limit 100000) live group by 1, 2"
            )
        )
    assert "ix_jobs_active" in plan
    assert "Seq Scan" not in plan


@promtool
def test_promtool_finds_nothing_wrong(api: httpx.Client, work: None):
    api.get("/api/v1/jobs")
    text = api.get("/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    # Prometheus' own client names two series of Python's so.
    ours = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("python_")]
    assert not ours


@promtool
def test_the_documents_rules_are_rules(tmp_path: Path):
    page = (DOCS / "metrics.md").read_text()
    rules = tmp_path / "rules.yml"
    rules.write_text(page.split("```yaml\n# rules.yml\n")[1].split("```")[0])
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_names_every_metric_and_no_other(api: httpx.Client, work: None):
    page = (DOCS / "metrics.md").read_text()
    families = {family.name for family in text_string_to_metric_families(api.get("/metrics").text)}
    ours = {name for name in families if name.startswith("orchestrator_")}
    named = set(re.findall(r"^\| `(orchestrator_\w+?)(?:_total)?[`{]", page, re.MULTILINE))
    assert named == ours


@contextmanager
def scraping(folder: Path, target: str, key: str) -> Generator[httpx.Client]:
    """A Prometheus that scrapes it once a second; it listens on loopback only."""
    (folder / "key").write_text(key)
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "orchestrator",
                        "authorization": {"credentials_file": str(folder / "key")},
                        "static_configs": [{"targets": [target]}],
                    }
                ],
            }
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = ("--config.file", str(folder / "prometheus.yml"), "--storage.tsdb.path", str(folder / "data"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *files, "--web.listen-address", f"127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False) as asked:
            yield asked
    finally:
        process.terminate()
        process.wait(20)


@prometheus
def test_a_prometheus_scrapes_it(address: tuple[str, int], admin_key: str, work: None, tmp_path: Path):
    with scraping(tmp_path, f"{address[0]}:{address[1]}", admin_key) as asked:

        def value(query: str) -> list[Any]:
            try:
                answer = asked.get("/query", params={"query": query}).json()
            except (httpx.TransportError, ValueError):  # not there yet, or not ready
                return []
            return [float(one["value"][1]) for one in answer["data"]["result"]]

        assert wait_until(lambda: value("up") == [1.0], 30), (tmp_path / "log").read_text()
        assert value('orchestrator_queue_waiting{site="london",function="worker"}') == [3.0]
        assert value("histogram_quantile(0.9, orchestrator_hub_turn_duration_seconds_bucket)") == [5.0]
        assert asked.get("/targets").json()["data"]["activeTargets"][0]["lastError"] == ""
