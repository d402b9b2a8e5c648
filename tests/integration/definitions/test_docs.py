"""What docs/workflows.md shows is taken, and refused, as it says."""

import json
import re
from pathlib import Path

import httpx
import yaml

DOCS = Path(__file__).parents[3] / "docs" / "workflows.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_example_can_be_kept_and_run(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/yaml"}
    checked = api.post("/workflows/validate", content=block("yaml"), headers=headers)
    assert checked.json() == {"valid": True, "errors": []}
    assert api.post("/workflows", content=block("yaml"), headers=headers).status_code == 201
    request = {
        "workflow": "verify_and_copy",
        "site": "london",
        "paths": ["/data"],
        "fields": {"destinationsite": "paris"},
    }
    assert api.post("/jobs", json=request).status_code == 201


def test_the_refusal_is_the_one_that_is_shown(api: httpx.Client) -> None:
    definition = yaml.safe_load(block("yaml"))
    definition["filter_rules"][0]["action"][1]["name"] = "fs.copi"
    answer = api.post("/workflows", json=definition)
    assert answer.json().items() >= json.loads(block("json")).items()
