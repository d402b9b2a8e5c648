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
    WORK = "work"  # fire events of jobs, as far as their machines allow
    PLAN = "plan"  # write task groups, and start group jobs
    FLEET = "fleet"  # enable, disable and drain sites
    KEYS = "keys"  # make and revoke keys, and say who there is
    WEBHOOKS = "webhooks"  # say where events are sent to
    AUDIT = "audit"  # read who did what, and who was turned away


_SEES = frozenset({Permission.OPEN, Permission.READ})
_WORKS = _SEES | {Permission.WORK}
_RUNS = _WORKS | {Permission.SUBMIT, Permission.CONTROL, Permission.DEFINE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _SEES,
    Role.WORKER: _WORKS,
    Role.REVIEWER: _WORKS,
    Role.OPERATOR: _RUNS | {Permission.FLEET},
    Role.PLANNER: _RUNS | {Permission.PLAN},
    Role.ADMIN: frozenset(Permission),
}

AT_A_SITE = frozenset(
    {Permission.OPEN, Permission.READ, Permission.SUBMIT, Permission.CONTROL, Permission.WORK, Permission.FLEET}
)
"""What a key may that is bound to a site: nothing that is for all sites alike."""

OF_A_WORKFLOW = AT_A_SITE - {Permission.FLEET}
"""What a key may that is bound to a workflow: nothing that concerns others."""


def granted(roles: Iterable[Role]) -> frozenset[Permission]:
    """All that these roles together may do; no role, nothing."""
    return frozenset(permission for role in roles for permission in GRANTS[role])


def within(roles: Iterable[str]) -> frozenset[Role]:
    """To which roles a key of somebody with these may be narrowed: to these, and to viewer, since all of them read."""
    owned = frozenset(map(Role, roles))
    if Role.ADMIN in owned:
        return frozenset(Role)
    return owned | {Role.VIEWER} if owned else owned
