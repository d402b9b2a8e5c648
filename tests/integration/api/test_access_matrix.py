"""Every route is asked by every role, and by nobody in particular: who gets in is who docs/access-matrix.md says."""

import re
from collections.abc import Mapping

from httpx import Client
from sqlalchemy import Engine, insert

from orchestrator.domain.roles import Role
from orchestrator.services.keys import make_key
from orchestrator.storage.tables import users
from tests.access_matrix import ANONYMOUS, CALLERS, written

_NOBODY = "999999999"
"""An id, and a name, of nothing: who gets in finds nothing, and changes nothing."""


def keys(engine: Engine) -> Mapping[str, dict[str, str]]:
    """The headers of one user in each role alone."""
    with engine.begin() as tx:
        for role in Role:
            tx.execute(insert(users).values(name=f"only-{role}", roles=[role]))
        made = {str(role): make_key(tx, f"only-{role}").plain for role in Role}
    return {ANONYMOUS: {}} | {role: {"Authorization": f"Bearer {key}"} for role, key in made.items()}


def test_who_gets_in_is_who_is_said_to(anonymous: Client, engine: Engine) -> None:
    callers, matrix, wrong = keys(engine), written(), list[str]()
    for route, may in matrix.items():
        method, path = route.split()
        address = re.sub(r"\{[^}]*\}", _NOBODY, path)
        for caller in CALLERS:
            with anonymous.stream(method, address, headers=callers[caller]) as answer:  # some do not end by themselves
                pass
            refused = 401 if caller == ANONYMOUS else 403
            if (answer.status_code in (401, 403)) == (caller in may) or (
                caller not in may and answer.status_code != refused
            ):
                wrong.append(f"{caller}: {route}: {answer.status_code}")
            assert answer.status_code != 500, f"{caller}: {route}"
    assert not wrong
    assert len(matrix) > 70
