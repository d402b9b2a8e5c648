"""What the pages show and tests/acceptance/test_pages.py does not run: where it is run instead, or why it is not."""

ELSEWHERE = {
    "make demo": "tests/acceptance/test_demo.py",
    "orchestrator demo": "tests/acceptance/test_demo.py",
    "orchestrator up": "tests/acceptance/test_up.py",
    ".venv/bin/orchestrator up": "tests/acceptance/test_up.py",
    "orchestrator up --detach": "tests/acceptance/test_tutorial.py",
    ".venv/bin/orchestrator up --root /data --actions examples.map_edits.actions": "tests/acceptance/whole_stack.py",
    ".venv/bin/python examples/map_edits/play.py /data/roads": "tests/acceptance/test_edit_jobs.py",
    ".venv/bin/python examples/map_production/play.py /data/sheet_12": "tests/acceptance/test_people.py",
    "orchestrator chaos --seconds 60 --seed 1": "tests/acceptance/test_chaos.py",
}
"""Command -> the file in which it is run."""

NEVER = {
    "make test": "it would run itself; CI runs it",
    "make setup && source .venv/bin/activate": "whoever runs the tests has",
    "pip install .": "it would change the environment that runs the tests",
    "make bench": "minutes of measuring; tests/acceptance/test_benchmarks.py runs the program on next to nothing",
    "make bench-peers": "the same, and it installs the peers",
    'make bench-peers ARGS="W1 W2 --scale 0.1"': "the same",
    'make bench ARGS="--full --out results.json"': "the same",
    ".venv/bin/python -m benchmarks.table results.json": "it needs what was measured; test_benchmarks.py calls it",
    "make bench-plot RESULTS=results.json": "the same, and it installs matplotlib",
    "export ORCHESTRATOR_DATABASE_URL=postgresql://orchestrator:password@db.example.org:5432/orchestrator": (
        "servers elsewhere; tests/acceptance/test_up.py has its own"
    ),
    "export ORCHESTRATOR_REDIS_URL=rediss://:password@broker.example.org:6379/0": "the same",
    "docker run --detach --name oslo --restart unless-stopped --init --stop-timeout 90 \\\n"
    "    --volume /srv/oslo:/etc/orchestrator/oslo --volume /data:/data \\\n"
    "    orchestrator:local orchestrator worker --config /etc/orchestrator/oslo/site.toml": "it needs Docker",
}
"""Command -> why it is not run at all."""

PAGES = {"docs/tutorial.md": "tests/acceptance/test_tutorial.py"}
"""Pages with a test of their own."""
