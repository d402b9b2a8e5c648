"""Every snippet of docs/client.md, run against a stack as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.whole_stack import Whole, make_files

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

pytestmark = pytest.mark.timeout(180)


def test_every_snippet_does_what_is_said(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = whole.folder("client")
    make_files(folder, [f"{n}.txt" for n in range(20)])
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORCHESTRATOR_URL", whole.profile["url"])
    monkeypatch.setenv("ORCHESTRATOR_KEY", whole.profile["key"])
    shared: dict[str, Any] = {"__name__": "a reader"}
    said: list[str] = []
    for n, snippet in enumerate(SNIPPETS):
        exec(compile(snippet, f"{PAGE.name}, snippet {n + 1}", "exec"), shared)  # noqa: S102 - that is the test
        said.append(capsys.readouterr().out)
    assert len(said) == 10
    started, together, same, many, failed, events, lists, wrong, files, documents = said
    assert started.endswith("Success 20 of 20\n")
    assert re.fullmatch(r"(\d+ Success\n){2}", together)
    assert same == ""
    assert re.fullmatch(r"1 201 \d+\n2 422 .+\n\d+ match, \d+ would be cancelled\n", many)
    assert "ended Failure" in failed
    assert events.splitlines()[-1].split()[1:] == ["Success", "20"]
    assert "checksum Success" in lists
    assert lists.count("processed") == 3
    assert "$.fields.algorithm" in wrong
    assert "there is no job 1000000000" in wrong
    assert "no answer from http://127.0.0.1:9" in wrong
    assert files.endswith(" processed\nTrue\n")
    assert documents.startswith("100")
    assert "admin" in documents
