"""The programs in benchmarks/ still run: W1 and W2 with next to nothing, and what comes out of them as a table."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.figures import Figure, Missing
from benchmarks.stack import Stack, Unsound, names
from benchmarks.table import LAST, Results, markdown, write_into
from benchmarks.workloads.w1_chains import STEPS, chains
from benchmarks.workloads.w2_latency import latencies, percentile
from orchestrator.client import DocumentClient
from orchestrator.stack.profile import read_profile
from orchestrator.stack.scratch import Stage
from tests.acceptance.whole_stack import Whole


@pytest.fixture
def stack(whole: Whole) -> Iterator[Stack]:
    profile = read_profile(whole.home)
    with DocumentClient(profile.url, profile.key) as client:
        yield Stack(Stage(whole.home.parent), client, profile)


def test_w1_runs_its_chains_and_looks_at_each(stack: Stack) -> None:
    with memory.peak(stack.pids) as most:
        assert chains(stack)(20) > 0
    assert most["all"] > most["hub"] > 1
    assert {"up", "api", "postgres", "redis", "london.worker"} <= most.keys()


def test_w2_takes_one_job_after_the_other(stack: Stack) -> None:
    took = latencies(stack, 3)
    assert len(took) == 3
    assert percentile(took, 50) <= percentile(took, 95) <= max(took)


def test_a_job_that_did_less_than_was_asked_for_gives_no_figure(stack: Stack) -> None:
    _, job = stack.timed(stack.define("noop"), names(3))
    stack.check(job, 3, 1)
    with pytest.raises(Unsound, match="not Success with 4 processed"):
        stack.check(job, 4, 1)
    with pytest.raises(Unsound, match="has 1 steps"):
        stack.check(job, 3, STEPS)


def test_results_become_a_table_also_later(tmp_path: Path) -> None:
    figures = [
        Figure("W1", "orchestrator", "throughput", "tasks/s", [9000.0, 10_000.0, 12_000.0], "20,000 x 2"),
        Figure("W1", "orchestrator", "throughput over that of a | b", "x", [16.0], at_least=15),
        Figure("W2", "orchestrator", "p50", "ms", [16.5], at_most=15, memory={"all": 50.4, "hub": 50.4}),
    ]
    results = Results({"Python": "3"}, "make bench", figures, [Missing("W1", "Prefect", "not installed")])
    file = tmp_path / "results.json"
    file.write_text(results.json())
    assert Results.read(file) == results
    assert len(json.loads(file.read_text())["figures"]) == 3
    rows = markdown(Results.read(file)).splitlines()
    assert r"| throughput over that of a \| b | 16 x | (1) | >= 15 x | kept |  |" in rows[-6]
    assert "| p50 | 16.5 ms | (1) | <= 15 ms | **missed** | 50: hub 50 |" in rows[-5]
    assert rows[-1] == "- W1, Prefect: not installed"
    assert "| 10,000 tasks/s | 9,000 - 12,000 (3) |" in rows[-7]


def test_the_table_takes_the_place_of_the_last_one_on_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Benchmarks\n\nHow.\n\n{LAST}\n\nOld.\n")
    write_into(page, Results({}, "make bench", [], []))
    assert page.read_text().startswith(f"# Benchmarks\n\nHow.\n\n{LAST}\n\n`make bench`\n")
    assert "Old" not in page.read_text()
    page.write_text("# Something else\n")
    with pytest.raises(ValueError, match="no heading"):
        write_into(page, Results({}, "make bench", [], []))
