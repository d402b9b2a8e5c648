"""Twenty workers want one task at once: one has it."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine, text

from tests.integration.people.conftest import People, Somebody

ROUNDS = int(os.environ.get("CLAIM_ROUNDS", "5"))
WORKERS = 20


def test_twenty_claim_one_task_and_one_wins(people: People, planner: Somebody, engine: Engine) -> None:
    workers = [people(f"w{n}", groups=("team",)) for n in range(WORKERS)]
    planner.do("/task-groups", name="one", tasks=[{"name": "t", "group": "team"}])
    start = Barrier(WORKERS)

    def claim(worker: Somebody, job: int) -> tuple[int, list[str] | None]:
        start.wait(30)
        answer = worker.ask("POST", f"/jobs/{job}/actions/start")
        return answer.status_code, answer.json()["legal_events"]

    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(ROUNDS):
            group = planner.do("/jobs", task_group="one")["id"]
            job = planner.rows(group)[0]["job_id"]
            answers = list(pool.map(claim, workers, [job] * WORKERS))
            assert Counter(status for status, _ in answers) == {200: 1, 409: WORKERS - 1}
            assert all(legal == [] for status, legal in answers if status == 409)
            winner = f"w{[status for status, _ in answers].index(200)}"
            assert planner.see(f"/jobs/{job}")["claimed_by"] == winner
            started = [actor for event, actor, _ in planner.history(job) if event == "Start"]
            assert started == [winner]
    with engine.connect() as tx:
        assert tx.execute(text("select count(*) from group_tasks where status = 5")).scalar_one() == ROUNDS
