"""Canaries in every field that takes a secret: none of them comes out anywhere but where it is kept or shown once."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest
from sqlalchemy import inspect, text

from orchestrator.stack.wait import wait_until
from orchestrator.storage.database import make_engine
from tests.acceptance.whole_stack import Whole

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("whole")]
_URL = re.compile(r"\w+://[^\s@/]*:([^\s@/]+)@")
_LEAST = 16
"""What is shorter would be found by chance."""


def kept(whole: Whole) -> dict[str, str]:
    """The secrets that the installation has made for itself, by where they are."""
    found = {"the admin's key": whole.profile["key"]}
    for name in ("database_url", "redis_url", "flower_url"):
        found[name] = urlsplit(whole.profile[name]).password or ""
    for file in (whole.home / "secret", *(whole.home / "workers").rglob("*")):
        if file.is_file() and file.suffix != ".log":
            said = file.read_text(errors="replace")
            for number, secret in enumerate(_URL.findall(said)):
                found[f"{file.name} of {file.parent.name}, password {number}"] = secret
            if file.name == "secret" or "key" in file.stem:
                found[f"{file.name} of {file.parent.name}"] = said.strip()
    assert len(found) >= 7, found.keys()
    assert all(len(secret) >= _LEAST for secret in found.values()), {name: len(one) for name, one in found.items()}
    return found


def given(whole: Whole) -> tuple[dict[str, str], list[str]]:
    """Secrets that somebody gives, or is shown, in every field that takes one; and what was answered to wrong ones."""
    canary = {name: f"canary-{name}-{uuid4().hex}" for name in ("password", "changed", "wrong", "url", "bearer")}
    name = f"canary{uuid4().hex[:8]}"
    http, told = whole.http, list[str]()
    user = http.post("/users", json={"name": name, "roles": ["worker"], "password": canary["password"]})
    assert user.status_code == 201, user.text
    told += [user.text, http.patch(f"/users/{name}", json={"password": canary["changed"]}).text]
    made = http.post("/keys", json={"user": name}).json()
    canary["key"] = made["key"].split("_", 2)[2]
    canary["rotated"] = http.post(f"/keys/{made['id']}/rotate", json={"overlap_s": 60}).json()["key"].split("_", 2)[2]
    webhook = http.post("/webhooks", json={"url": "https://192.0.2.1/hook", "events": ["Nothing"]}).json()
    canary["webhook"] = webhook["key"].removeprefix("whsec_")
    bad = canary["wrong"]
    for path, body in (
        ("users", {"name": name, "roles": ["worker"], "password": bad * 20}),
        ("users", {"name": name, "roles": ["worker"], "password": [bad]}),
        ("users", {"name": name, "roles": ["worker"], "password": bad}),
        ("keys", {"user": name, "expires_at": bad}),
        ("webhooks", {"url": f"https://me:{canary['url']}@example.org/"}),
        ("holds", {"scope": {"owner": name}, "reason": 7, "password": bad}),
    ):
        answer = http.post(f"/{path}", json=body)
        assert answer.status_code in (409, 422), (path, answer.text)
        told.append(answer.text)
    url = whole.profile["url"]
    refused = httpx.get(f"{url}/api/v1/jobs?key={bad}", headers={"Authorization": f"Bearer tq_{canary['bearer']}"})
    assert refused.status_code == 401
    told += [refused.text, http.get("/keys?limit=500").text, http.get(f"/webhooks/{webhook['id']}").text]
    for variable, value, command in (
        ("ORCHESTRATOR_DATABASE_URL", f"postgresql://me:{canary['url']}@127.0.0.1:1/none", ["db", "migrate"]),
        ("ORCHESTRATOR_DATABASE_URL", f"mysql://me:{canary['url']}@127.0.0.1:1/none", ["db", "migrate"]),
        ("ORCHESTRATOR_REDIS_URL", f"redis://:{canary['url']}@127.0.0.1:1/0", ["doctor"]),
        ("ORCHESTRATOR_KEY", canary["bearer"], ["jobs"]),
    ):
        told.append(said(whole, variable, value, command))
    return canary, told


def said(whole: Whole, variable: str, value: str, command: list[str]) -> str:
    """What a command says that is given a setting that can not work."""
    settings = {**os.environ, "ORCHESTRATOR_HOME": str(whole.home), "COLUMNS": "200", variable: value}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli.main", *command],
        env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0, command
    return done.stdout + done.stderr


def shown(whole: Whole) -> Iterator[tuple[str, str]]:
    """All that the stack shows or writes down, by where."""
    for log in (*whole.home.rglob("*.log"), whole.home.parent / "up.log"):
        yield str(log), log.read_text(errors="replace")
    for page in ("/metrics", "/openapi.json", "/health/ready"):
        yield page, httpx.get(whole.profile["url"] + page, headers=whole.http.headers, timeout=20).text
    sites = ("/sites", *(f"/sites/{site['name']}" for site in whole.items("/sites")))
    for path in ("/audit?limit=500", "/keys?limit=500", "/users?limit=500", "/webhooks?limit=500", *sites):
        yield path, whole.http.get(path).raise_for_status().text
    yield from seen_in_flower(whole)
    engine = make_engine(whole.profile["database_url"], pool_size=1, name="test of secrets")
    with engine.begin() as tx:
        for table in inspect(engine).get_table_names():
            rows = tx.execute(text(f'select t::text from "{table}" t')).scalars()
            yield f"table {table}", "\n".join(rows)
    engine.dispose()
    for process in psutil.process_iter():
        try:
            yield f"arguments of {process.pid}", " ".join(process.cmdline())
        except psutil.Error:
            continue


def seen_in_flower(whole: Whole) -> Iterator[tuple[str, str]]:
    """Every page of a Flower that has seen work, and every answer of its own API that changes nothing."""

    def answer(path: str) -> httpx.Response:
        return httpx.get(whole.profile["flower_url"] + path, timeout=30, follow_redirects=True)

    assert wait_until(lambda: bool(answer("/api/tasks").json()), 20)
    workers, tasks = answer("/api/workers?refresh=1").json(), list(answer("/api/tasks").json())
    table = "/tasks/datatable?draw=1&start=0&length=500&search[value]=&order[0][column]=0&order[0][dir]=asc"
    pages = ("/", "/workers", "/tasks", f"{table}&columns[0][data]=name", "/broker", "/metrics", "/healthcheck")
    asked = ("/api/workers", "/api/tasks", "/api/task/types", "/api/queues/length")
    each = (f"{path}/{task}" for task in tasks[:50] for path in ("/task", "/api/task/info", "/api/task/result"))
    for path in (*pages, *asked, *(f"/worker/{worker}" for worker in workers), *each):
        yield f"Flower {path}", answer(path).text


def test_no_secret_comes_out(whole: Whole) -> None:
    canaries, answers = given(whole)
    assert whole.run(whole.define({"name": "noop"}, discovery=None, type="all"), "a name")["state"] == "Success"
    secrets = canaries | kept(whole)
    assert len(secrets) >= 15
    places = [*shown(whole), *((f"answer {number}", answer) for number, answer in enumerate(answers))]
    assert len(places) > 60
    said = dict(places)
    assert re.search(r'^orchestrator_tasks_ended_total{state="Success"} [1-9]', said["/metrics"], re.MULTILINE)
    assert re.search(r"redis://\S*:\*\*@", said["Flower /broker"]), (
        "Flower tells where the broker is, but not its password"
    )
    found = [f"{name} in {place}" for place, content in places for name, secret in secrets.items() if secret in content]
    assert not found


def test_environments_are_for_their_owners_only(whole: Whole) -> None:
    for name in ("hub", "api", "flower", "postgres", "redis", "london.worker"):
        process = Path("/proc") / str(whole.pid(name))
        assert S_IMODE((process / "environ").stat().st_mode) == 0o400, name
    for file in (whole.home / "profile.json", whole.home / "secret"):
        assert S_IMODE(file.stat().st_mode) & 0o077 == 0, file
