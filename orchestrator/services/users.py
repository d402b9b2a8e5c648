"""Users, their roles, and the groups that they are in."""

import base64
import hashlib
import secrets
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.contracts.users import GroupAsked, UserAsked, UserChange
from orchestrator.domain.roles import Role
from orchestrator.errors import Conflict, Fault, Invalid, NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import group_members, groups, jobs, users

_COST = {"n": 2**14, "r": 8, "p": 1}
"""Of scrypt: some tens of milliseconds and 16 MiB."""


def make_user(tx: Connection, asked: UserAsked, actor: str) -> str:
    """Make a user; the name. Conflict when there is one of this name."""
    row = insert(users).values(
        name=asked.name, roles=_roles(asked.roles), password_hash=asked.password and hashed(asked.password)
    )
    if tx.scalar(row.on_conflict_do_nothing().returning(users.c.name)) is None:
        raise Conflict(f"there is a user {asked.name!r} already; PATCH changes what they may")
    _join(tx, asked.name, asked.groups)
    audit(tx, actor, "user.create", asked.name, detail={"roles": _roles(asked.roles), "groups": asked.groups})
    return asked.name


def change_user(tx: Connection, name: str, asked: UserChange, actor: str) -> None:
    """Give a user other roles, groups or another password. NotFound; Conflict for the last admin."""
    _lock_user(tx, name)
    if asked.roles is not None:
        if Role.ADMIN not in asked.roles:
            _not_the_last_admin(tx, name)
        tx.execute(update(users).where(users.c.name == name).values(roles=_roles(asked.roles)))
    if asked.password is not None:
        tx.execute(update(users).where(users.c.name == name).values(password_hash=hashed(asked.password)))
    if asked.groups is not None:
        tx.execute(delete(group_members).where(group_members.c.user_name == name))
        _join(tx, name, asked.groups)
    told = asked.model_dump(exclude={"password"}, exclude_none=True, mode="json")
    audit(tx, actor, "user.change", name, detail=told | ({"password": "changed"} if asked.password else {}))


def delete_user(tx: Connection, name: str, actor: str) -> None:
    """Delete a user and their keys; what they did stays. NotFound; Conflict for the last admin, and for open work."""
    _lock_user(tx, name)
    _not_the_last_admin(tx, name)
    mine = (jobs.c.assignee == name) | (jobs.c.claimed_by == name)
    if job := tx.scalar(select(jobs.c.id).where(jobs.c.ended_at.is_(None), mine).limit(1)):
        raise Conflict(f"job {job} is assigned to {name}, and has not ended: give it to somebody else first")
    tx.execute(delete(users).where(users.c.name == name))
    audit(tx, actor, "user.delete", name)


def make_group(tx: Connection, asked: GroupAsked, actor: str) -> str:
    """Make a group, or add members to one that there is; its name. Invalid for users that there are not."""
    known_users(
        tx, {f"$.members[{place}]": name for place, name in enumerate(asked.members)}, "the group can not be made"
    )
    ensure_groups(tx, [asked.name])
    for member in asked.members:
        tx.execute(insert(group_members).values(group_name=asked.name, user_name=member).on_conflict_do_nothing())
    audit(tx, actor, "group.make", asked.name, detail={"members": asked.members})
    return asked.name


def delete_group(tx: Connection, name: str, actor: str) -> None:
    """Delete a group; its members stay. NotFound; Conflict while a job that has not ended is assigned to it."""
    open_job = select(jobs.c.id).where(jobs.c.ended_at.is_(None), jobs.c.assigned_group == name).limit(1)
    if job := tx.scalar(open_job):
        raise Conflict(f"job {job} is assigned to the group {name}, and has not ended")
    if not tx.execute(delete(groups).where(groups.c.name == name)).rowcount:
        raise NotFound(f"there is no group {name!r}")
    audit(tx, actor, "group.delete", name)


def ensure_groups(tx: Connection, names: Iterable[str]) -> None:
    """Groups of these names: one that is named for the first time is made."""
    for name in sorted(set(names)):
        tx.execute(insert(groups).values(name=name).on_conflict_do_nothing())


def known_users(tx: Connection, named: dict[str, str], refusal: str) -> None:
    """Invalid, with the places, when some of the users that are named (place -> name) are not there."""
    known = set(tx.scalars(select(users.c.name).where(users.c.name.in_(named.values()))))
    if faults := [Fault(place, f"there is no user {name!r}") for place, name in named.items() if name not in known]:
        raise Invalid(refusal, faults)


def hashed(password: str) -> str:
    """A password as it is kept: ``scrypt$<salt>$<hash>`` in base64."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, **_COST)
    return "$".join(["scrypt", *(base64.b64encode(part).decode() for part in (salt, digest))])


def _roles(roles: Collection[Role]) -> list[str]:
    return sorted(set(roles))


def _join(tx: Connection, user: str, names: Collection[str]) -> None:
    ensure_groups(tx, names)
    for name in sorted(set(names)):
        tx.execute(insert(group_members).values(group_name=name, user_name=user))


def _lock_user(tx: Connection, name: str) -> None:
    if tx.scalar(select(users.c.name).where(users.c.name == name).with_for_update()) is None:
        raise NotFound(f"there is no user {name!r}")


def _not_the_last_admin(tx: Connection, name: str) -> None:
    # All admins are locked: two requests can not each take away the one that the other leaves.
    admins = tx.scalars(
        select(users.c.name).where(users.c.roles.contains([Role.ADMIN])).order_by(users.c.name).with_for_update()
    )
    if set(admins) == {name}:
        raise Conflict(f"{name} is the only admin: nobody could make another")
