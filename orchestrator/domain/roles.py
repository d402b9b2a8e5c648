"""Who may do what: roles, permissions, and which role grants which."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What a person or a program is here for."""

    VIEWER = "viewer"
    WORKER = "worker"
    OPERATOR = "operator"
    PLANNER = "planner"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route asks for; a route that asks for none can not be reached."""

    OPEN = "open"  # needs no key: only what says nothing
    READ = "read"
    SUBMIT = "submit"  # start jobs
    CONTROL = "control"  # pause, resume and cancel them
    DEFINE = "define"  # write workflows
    FLEET = "fleet"  # enable, disable and drain sites
    KEYS = "keys"  # make and revoke keys
    WEBHOOKS = "webhooks"  # say where events are sent to


_SEES = frozenset({Permission.OPEN, Permission.READ})
_RUNS = _SEES | {Permission.SUBMIT, Permission.CONTROL, Permission.DEFINE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _SEES,
    Role.WORKER: _SEES,
    Role.REVIEWER: _SEES,
    Role.OPERATOR: _RUNS | {Permission.FLEET},
    Role.PLANNER: _RUNS,
    Role.ADMIN: frozenset(Permission),
}


def granted(roles: Iterable[Role]) -> frozenset[Permission]:
    """All that these roles together may do; no role, nothing."""
    return frozenset(permission for role in roles for permission in GRANTS[role])
