"""What a whole stack logs: lines of JSON that say what they are about; and no secret, there or anywhere."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.whole_stack import Whole, make_files

pytestmark = pytest.mark.timeout(180)
OURS = ("hub", "api", "london.worker", "london.discovery", "paris.worker", "paris.discovery")


def secrets(whole: Whole) -> list[str]:
    """Every credential of the stack."""
    named = [whole.profile["key"], (whole.home / "secret").read_text().strip()]
    urls = (whole.profile[name] for name in ("database_url", "redis_url", "flower_url"))
    return [*named, *(password for url in urls if (password := urlsplit(url).password))]


def lines(whole: Whole, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (whole.home / "logs" / f"{name}.log").read_text().splitlines()]


def test_every_line_is_json_and_says_what_it_is_about(whole: Whole):
    folder = whole.folder("logged")
    make_files(folder, ["a.txt"])
    job = whole.run(whole.define({"name": "example.raise", "match": "*"}), folder)
    [task] = whole.items(f"/jobs/{job['id']}/tasks")
    for name in OURS:
        for line in lines(whole, name):
            assert {"time", "level", "logger", "message"} <= line.keys(), line
    failed = [line for line in lines(whole, "london.worker") if line.get("job") == job["id"] and line.get("error")]
    assert failed
    told = failed[0]
    assert (told["site"], told["task"], told["attempt"]) == ("london", task["id"], task["attempt"])
    assert "Traceback" in str(told["error"])


def test_no_secret_is_told_anywhere(whole: Whole):
    known = secrets(whole)
    assert len(known) >= 5
    assert min(map(len, known)) >= 16
    whole.http.get("/jobs/1", headers={"Authorization": f"Bearer {known[0]}x"})
    places = {str(file): file.read_text(errors="replace") for file in (whole.home / "logs").iterdir()}
    root = whole.profile["url"]
    for path in ("/metrics", "/health/ready", "/api/v1/sites", "/api/v1/keys", "/api/v1/audit"):
        headers = {"Authorization": f"Bearer {whole.profile['key']}"}
        places[path] = httpx.get(root + path, headers=headers, timeout=30).text
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            places[str(process)] = process.read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
    found = {place: secret[:4] for place, text in places.items() for secret in known if secret in text}
    assert not found
