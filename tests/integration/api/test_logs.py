"""What tasks have logged, as the API tells it."""

from httpx import Client
from sqlalchemy import Engine, insert

from orchestrator.domain.chain import task_id
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables
from tests.integration.api.rows import add_chain, add_job
from tests.integration.api.test_jobs import pages


def test_the_log_of_a_task_and_of_a_job(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx)
        batch = add_chain(tx, job, [b"/a"], [{"state": TaskState.STARTED, "attempt": 2}, {}])
        first, second = task_id(batch, 0), task_id(batch, 1)
        for number in range(6):
            line = {"level": 10 * (number % 3 + 1), "message": f"line {number}", "logger": "l", "path": b"/\xff"}
            task = (first, second)[number % 2]
            tx.execute(insert(tables.task_logs).values(job_id=job, task_id=task, attempt=1, **line))
        tx.execute(insert(tables.task_progress).values(task_id=first, attempt=2, share=0.5, note="half", path=b"/a"))
    log = pages(api, f"/api/v1/jobs/{job}/log", 4)
    assert [line["message"] for line in log] == [f"line {number}" for number in range(6)]
    assert (log[1]["task_id"], log[1]["step"], log[1]["level"]) == (second, 1, "info")
    assert log[0]["path"] == {"path": "/\N{REPLACEMENT CHARACTER}", "path_b64": "L/8="}
    assert pages(api, f"/api/v1/tasks/{first}/log", 1) == log[::2]
    assert pages(api, f"/api/v1/jobs/{job}/log", 9, level="warning") == log[2::3]
    assert pages(api, f"/api/v1/jobs/{job}/log", 9, after=log[3]["id"]) == log[4:]
    progress = api.get(f"/api/v1/tasks/{first}").json()["progress"]
    assert (progress["share"], progress["note"], progress["path"]) == (0.5, "half", "/a")
    assert api.get(f"/api/v1/tasks/{second}").json()["progress"] is None


def test_what_can_not_be_asked_for(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx)
    assert api.get("/api/v1/tasks/64000/log?level=loud").status_code == 404, "before what is wrong with the rest"
    assert api.get("/api/v1/jobs/64000/log").status_code == 404
    answer = api.get(f"/api/v1/jobs/{job}/log?level=loud")
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "?level")
    assert api.get(f"/api/v1/jobs/{job}/log?after=-1").status_code == 422
