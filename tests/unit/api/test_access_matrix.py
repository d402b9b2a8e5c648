"""What is checked in of who may use what is what the routes declare: a change of either is seen in both."""

import pytest
from fastapi import APIRouter

from orchestrator.api.app import doors
from tests.access_matrix import declared, row, written


def test_the_matrix_has_every_route_as_it_declares_itself() -> None:
    now, before = declared(), written()
    missing = [row(route, callers) for route, callers in now.items() if before.get(route) != callers]
    assert not missing, "docs/access-matrix.md needs these lines:\n" + "\n".join(missing)
    assert list(before) == sorted(now, key=lambda route: route.split()[::-1]), "sorted by path, then method"


def test_a_route_that_declares_nothing_can_not_be_served() -> None:
    router = APIRouter()

    @router.get("/secrets")
    def forgotten() -> None:
        """Nobody has said who may."""

    with pytest.raises(TypeError, match="declares no permission"):
        doors([("", router)])
