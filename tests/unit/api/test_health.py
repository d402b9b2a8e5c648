"""A site's health is judged by what moves, not only by who is there."""

import pytest

from orchestrator.domain.health import Health, NodeView, PoolView, site_health

HERE = NodeView("n", live=True, left=False, clock_skew_s=0, problems=())
GONE = NodeView("n", live=False, left=False, clock_skew_s=0, problems=())
LEFT = NodeView("m", live=False, left=True, clock_skew_s=0, problems=())
SKEWED = NodeView("n", live=True, left=False, clock_skew_s=-90, problems=())
BROKEN = NodeView("n", live=True, left=False, clock_skew_s=0, problems=("my_actions: no such module",))


def pool(live: int, running: int, waiting: int, oldest: float | None = None) -> PoolView:
    return PoolView("default.worker", live, running, waiting, oldest)


@pytest.mark.parametrize(
    ("nodes", "pools", "health", "why"),
    [
        ([HERE], [pool(1, 0, 0)], Health.OK, ""),
        ([HERE, LEFT], [pool(1, 2, 500, 300.0)], Health.OK, ""),
        ([HERE], [pool(1, 0, 3, 59.0)], Health.OK, ""),
        ([HERE], [pool(1, 0, 3, 61.0)], Health.CRITICAL, "nothing runs"),
        ([GONE], [pool(0, 0, 1, 1.0)], Health.CRITICAL, "no node is there to run them"),
        ([GONE], [pool(0, 0, 0)], Health.WARNING, "not heard"),
        ([LEFT], [], Health.WARNING, "no node is there"),
        ([SKEWED], [pool(1, 0, 0)], Health.WARNING, "-90 s off"),
        ([BROKEN], [pool(1, 0, 0)], Health.WARNING, "no such module"),
    ],
)
def test_health(nodes: list[NodeView], pools: list[PoolView], health: Health, why: str):
    judged, reasons = site_health(nodes, pools)
    assert judged is health
    assert why in " ".join(reasons)
    assert bool(reasons) == (health is not Health.OK)


def test_a_site_that_takes_nothing_new_is_a_warning():
    assert site_health([HERE], [pool(1, 0, 0)], accepting=False)[0] is Health.WARNING
