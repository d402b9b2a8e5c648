"""What each page takes for granted: files, people, and jobs in some state, under the numbers that the page has.

Each function is named for its page, makes what is needed, and says what is to stand in for what: ``{"12": "4711"}``.
``$MADE`` is what the page itself has made last.
"""

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from platform import node
from uuid import uuid4

from examples.map_edits import play
from examples.map_edits.person import Person
from orchestrator.client import DocumentClient
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole, make_files
from tests.pages import ROOT, blocks

StandIns = dict[str, str]


def everywhere(whole: Whole) -> StandIns:
    """Where the service and its programs are."""
    return {
        ".venv/bin/": "",
        "http://127.0.0.1:8080": whole.profile["url"],
        "KEY=tq_...": f"KEY={whole.profile['key']}",
    }


def readme(_whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["a.txt", "b/c.txt"])
    return {"errors 1": "errors $MADE"}


def access(whole: Whole, _folder: Path) -> StandIns:
    ann = user(whole, "ann", "operator", "planner")
    key = made(whole, "/keys", user=ann, label="old")
    return {"ann": ann, "rotate 7": f"rotate {key}", "revoke 7": f"revoke {key}", "key%207": f"key%20{key}"}


def api(whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["in/a.txt", "a", "b"])
    _, task, _ = failed(whole, folder / "failed")
    other, _, fingerprint = failed(whole, folder / "other")
    long = whole.submit(whole.define({"name": "example.wait", "folder": str(folder)}), folder / "in")
    tasks = [{"name": "collect"}, {"name": "publish"}]
    (folder / "map_sheet.json").write_text(json.dumps({"name": unique("sheet"), "tasks": tasks}))
    name = unique("sheet")
    made(whole, "/task-groups", name=name, tasks=tasks)
    group = made(whole, "/jobs", task_group=name)
    taken = whole.http.get(f"/jobs/{group}/task-list").json()["items"][0]["job_id"]
    whole.http.post(f"/jobs/{taken}/task-status", json={"status": "WORKING"}).raise_for_status()
    flow = whole.define({"name": "noop"})
    with someone(whole, folder) as admin, someone(whole, folder, "rob") as rob:
        edited, looked_at = edit_job(admin), edit_job(admin, quarantine=True)
        for job in (edited, looked_at):
            admin.take(job)
            admin.client.send_edits(job, admin.desk / str(job) / "roads.geojson")
        admin.client.fire(looked_at, "upload")
        admin.wait(looked_at, "Quarantined")
        review = admin.child(looked_at, "review")
        rob.take(review)
        mine, robs = edit_job(admin), rob.client.http.headers["Authorization"]
    return {
        "/keys/2": "/keys/$MADE",
        '"ed"': f'"{unique("ed")}"',
        "look": unique("look"),
        "/data/in/2024": str(folder / "in/2024"),
        "/data/in": str(folder / "in"),
        "/data/a": str(folder / "a"),
        "/data/b": str(folder / "b"),
        "/jobs/1": "/jobs/$MADE",
        "/jobs/2": "/jobs/$MADE",
        "/jobs/5": f"/jobs/{long}",
        "/tasks/64": f"/tasks/{task}",
        "/jobs/1/redrive": f"/jobs/{other}/redrive",
        "0123456789abcdef": fingerprint,
        "/holds/1": "/holds/$MADE",
        "/jobs/12/actions/give-up": f"/jobs/{taken}/actions/give-up",
        "map_sheet": json.loads((folder / "map_sheet.json").read_text())["name"],
        "map_sheet.json": "map_sheet.json",
        "/jobs/12/task-list": "/jobs/$MADE/task-list",
        "parent=12": f"parent={group}",
        "validate_roads": flow,
        "road_edits": unique("road"),
        "/jobs/12/actions/activate": f"/jobs/{mine}/actions/activate",
        "/jobs/12/actions/upload": f"/jobs/{edited}/actions/upload",
        "api $URL/api/v1/jobs/14": (
            f"curl -sS -H 'Authorization: {robs}' -H 'Content-Type: application/json' $URL/api/v1/jobs/{review}"
        ),
    }


def cli(whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["in/a.tif"])
    (folder / "out").mkdir()
    page = (ROOT / "docs/workflows.md").read_text()
    definition = next(block.body for block in blocks(page) if block.language == "yaml")
    (folder / "verify_and_copy.yaml").write_text(definition.replace("/data/copies", str(folder / "out")))
    flow, later = whole.define({"name": "noop"}), "2100-01-01T00:00:00Z"
    jobs = {number: str(whole.submit(flow, folder / "in", not_before=later)) for number in ("12", "13", "14")}
    return {"/data/in": str(folder / "in"), **jobs}


def discovery(_whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["a.tif", "b.tif"])
    return {"find /": f"find {folder}"}


def edit_jobs(whole: Whole, folder: Path) -> StandIns:
    with someone(whole, folder) as admin:
        job, other = edit_job(admin), edit_job(admin)
        admin.take(other)
    cut = "curl -sS -r 0-99 -o roads.geojson -H"
    return {"12": str(job), "/jobs/12": f"/jobs/{other}", cut.replace(" -r 0-99", ""): cut}


def errors(whole: Whole, folder: Path) -> StandIns:
    job, task, fingerprint = failed(whole, folder / "failed")
    return {"12": str(job), "errors 1": f"errors {job}", "4161": str(task), "0123456789abcdef": fingerprint}


def events(whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["a.txt"])
    flow = whole.define({"name": "noop"})
    ticks = {"name": unique("ticks"), "workflow": flow, "site": "london", "paths": [str(folder)], "every": "1s"}
    made(whole, "/schedules", **ticks)
    return {"12": str(whole.run(flow, folder)["id"])}


def installation(whole: Whole, folder: Path) -> StandIns:
    shutil.copy(whole.home / "secret", folder / "secret")
    return {"rediss://:password@broker.example.org:6379/0": whole.profile["redis_url"], "/data": str(folder)}


def ledger(whole: Whole, folder: Path) -> StandIns:
    return {"12": str(failed(whole, folder / "failed")[0])}


def people(whole: Whole, _folder: Path) -> StandIns:
    name = unique("sheet")
    made(whole, "/task-groups", name=name, tasks=[{"name": "collect"}])
    return {"pia": unique("pia"), "ed": unique("ed"), "12": str(made(whole, "/jobs", task_group=name))}


def plugins(whole: Whole, folder: Path) -> StandIns:
    (folder / "data").mkdir()
    (folder / "data/a.txt").write_text("a line\n" * 17)
    install = f"python -m hatchling build -t wheel -d dist && python -m zipfile -e dist/*.whl {whole.plugins}"
    return {
        "python -m pip install .": install,
        "/data": str(folder / "data"),
        "logs 12": "logs $MADE",
        "@host": f"@{node()}",
    }


def schedules(_whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["in/a.txt"])
    return {"/data/in": str(folder / "in"), "/schedules/1": "/schedules/$MADE"}


def sites(_whole: Whole, folder: Path) -> StandIns:
    return {"@host": f"@{node()}", "/tmp/oslo-data": str(folder / "oslo-data")}


def workflows(_whole: Whole, folder: Path) -> StandIns:
    make_files(folder, ["in/a.txt"])
    return {"/data/in": str(folder / "in"), "/mirror/in": str(folder / "mirror")}


def worklist(whole: Whole, folder: Path) -> StandIns:
    make_files(folder, [*(f"looked-at/{number}.tif" for number in range(9)), "looked-at/a.txt", "plan.pdf"])
    flow = whole.define({"name": "fs.checksum"}, {"name": "review", "manual": True})
    job = whole.submit(flow, folder / "looked-at")
    assert wait_until(lambda: whole.job(job)["tasks"]["Success"] == 1, 30)
    (review,) = whole.items(f"/jobs/{job}/tasks", step=1)
    ended = [whole.run(whole.define({"name": "noop"}), folder)["id"] for _ in range(2)]
    return {
        "/tasks/4096": f"/tasks/{review['id']}",
        "/jobs/12": f"/jobs/{job}",
        "/attachments/1": "/attachments/$MADE",
        "/webhooks/1": "/webhooks/$MADE",
        "/data": str(folder),
        "17": str(ended[0]),
        "18": str(ended[1]),
        "publish": whole.define({"name": "noop"}),
    }


def unique(name: str) -> str:
    return f"{name}_{uuid4().hex[:8]}"


def made(whole: Whole, path: str, **body: object) -> int:
    """The number of what is made so."""
    answer = whole.http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json().get("id")


def user(whole: Whole, name: str, *roles: str) -> str:
    """A new user's name."""
    made(whole, "/users", name=(named := unique(name)), roles=list(roles))
    return named


def failed(whole: Whole, folder: Path) -> tuple[int, int, str]:
    """A job with a path that failed in each step and a task that broke, mended since; the task, and a fingerprint."""
    files = make_files(folder, ["good.txt", "fail", "raise"])
    outside = folder / "outside.txt"
    outside.symlink_to("/etc/hostname")
    job = whole.run(whole.define({"name": "fs.checksum"}, {"name": "example.obey"}, type="all", batch_size=1), folder)
    (broken,) = whole.items(f"/jobs/{job['id']}/tasks", state="Failure")
    groups = whole.items(f"/jobs/{job['id']}/errors")
    outside.unlink()
    for file in (*files, outside):
        file.write_text("mended")
    return job["id"], broken["id"], next(group["fingerprint"] for group in groups if group["step"] == 0)


@contextmanager
def someone(whole: Whole, folder: Path, name: str = "admin") -> Generator[Person]:
    """A person of the example of edit jobs, all of whom there are then; or the admin, who edits for once."""
    with DocumentClient(whole.profile["url"], whole.profile["key"]) as client:
        if name == "admin":
            play.define(client, folder / "roads")
            yield Person(name, client, folder)
        else:
            person = play.someone(client, name, folder)
            with person.client:
                yield person


def edit_job(admin: Person, *, quarantine: bool = False) -> int:
    """An edit job of the admin's, over the roads of the example."""
    its = {"name": "ring road", "extent": play.box(11.05, 11.45), "quarantine": quarantine}
    return admin.plan({**its, "assignee": "admin", "allocate": True})
