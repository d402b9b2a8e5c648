"""The discovery that the documentation shows does what the documentation says."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import PathList, pack
from tests.integration.discovery.site import Hub, order, run, running, runtime, until
from workers.registry import REGISTRY

PAGE = Path(__file__).parents[3] / "docs" / "discovery.md"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[str]:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "plugin.py").write_text(example, encoding="utf-8")
    REGISTRY.load([str(tmp_path / "plugin.py")], groups=[])
    assert REGISTRY.problems == []
    yield "lines"
    del REGISTRY.discoveries["lines"]


def test_a_plugin_is_stopped_and_goes_on_without_a_gap(redis_url: str, tmp_path: Path, lines: str) -> None:
    paths = [b"/data/%d" % number for number in range(100)]
    catalogue = tmp_path / "catalogue"
    catalogue.write_bytes(b"\n".join([b"; a comment", *paths, b"bad\0line"]))
    hub, at = Hub(redis_url), runtime(redis_url, tmp_path, tmp_path / "state")
    due = order(
        tmp_path,
        method=lines,
        input=pack(PathList([os.fsencode(catalogue)])),
        options={"comment": ";"},
        rules=[RuleOrder(batch_size=7)],
        grant=3,
    )
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 3)
        hub.say(w0=-1)
        until(hub.over)
    run(at, hub.again(grant=1000))
    last = hub.last()
    assert last is not None
    assert last.closed
    assert [trouble.error_class for trouble in last.troubles] == ["BadLine"]
    assert hub.paths() == paths
    hub.redis.close()


@pytest.mark.parametrize(("options", "reason"), [({"comment": 7}, "comment"), ({"coment": "#"}, "coment")])
def test_its_options_are_checked_from_the_signature(
    redis_url: str, tmp_path: Path, lines: str, options: dict[str, object], reason: str
) -> None:
    hub, due = Hub(redis_url), order(tmp_path, method=lines, options=options)
    hub.expect(due)
    run(runtime(redis_url, tmp_path, tmp_path / "state"), due)
    last = hub.last()
    assert last is not None
    assert last.broken is not None
    assert reason in last.broken
    hub.redis.close()
