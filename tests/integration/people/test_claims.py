"""Twenty workers want one task at once: one has it."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine, text

from tests.integration.people.conftest import People, Somebody

ROUNDS = int(os.environ.get("CLAIM_ROUNDS", "5"))
WORKERS = 20


def claimed_at_once(workers: list[Somebody], job: int, event: str) -> list[tuple[int, list[str] | None]]:
    """Status and legal events that each of them is answered."""
    start = Barrier(len(workers))

    def claim(worker: Somebody) -> tuple[int, list[str] | None]:
        start.wait(30)
        answer = worker.ask("POST", f"/jobs/{job}/actions/{event}")
        return answer.status_code, answer.json()["legal_events"]

    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(claim, workers))


def one_has_it(planner: Somebody, job: int, event: str, answers: list[tuple[int, list[str] | None]]) -> None:
    assert Counter(status for status, _ in answers) == {200: 1, 409: WORKERS - 1}
    assert all(legal == [] for status, legal in answers if status == 409)
    winner = f"w{[status for status, _ in answers].index(200)}"
    assert planner.see(f"/jobs/{job}")["claimed_by"] == winner
    assert [actor for known, actor, _ in planner.history(job) if known == event] == [winner]


def test_twenty_claim_one_task_and_one_wins(people: People, planner: Somebody, engine: Engine) -> None:
    workers = [people(f"w{n}", groups=("team",)) for n in range(WORKERS)]
    planner.do("/task-groups", name="one", tasks=[{"name": "t", "group": "team"}])
    for _ in range(ROUNDS):
        group = planner.do("/jobs", task_group="one")["id"]
        job = planner.rows(group)[0]["job_id"]
        one_has_it(planner, job, "Start", claimed_at_once(workers, job, "start"))
    with engine.connect() as tx:
        assert tx.execute(text("select count(*) from group_tasks where status = 5")).scalar_one() == ROUNDS


def test_twenty_activate_one_edit_job_and_one_wins(people: People, planner: Somebody) -> None:
    workers = [people(f"w{n}", groups=("team",)) for n in range(WORKERS)]
    planner.do("/job-types", name="roads")
    for _ in range(ROUNDS):
        job = planner.do("/jobs", job_type="roads", name="one", group="team", allocate=True)["id"]
        one_has_it(planner, job, "Activate", claimed_at_once(workers, job, "activate"))
