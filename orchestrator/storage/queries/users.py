"""Users and groups, as they are seen."""

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from orchestrator.contracts import views
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import group_members, groups, users


def list_users(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.User]:
    """Every user, by name."""
    return page_by(tx, _users(), users.c.name, limit, cursor, _user)


def read_user(tx: Connection, name: str) -> views.User:
    """One user; NotFound when there is none."""
    row = tx.execute(_users().where(users.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no user {name!r}")
    return _user(row)


def list_groups(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Group]:
    """Every group, by name."""
    return page_by(tx, _groups(), groups.c.name, limit, cursor, _group)


def read_group(tx: Connection, name: str) -> views.Group:
    """One group; NotFound when there is none."""
    row = tx.execute(_groups().where(groups.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no group {name!r}")
    return _group(row)


def _users() -> Select[Any]:
    theirs = select(group_members.c.group_name).where(group_members.c.user_name == users.c.name)
    return select(users, func.array(theirs.order_by(group_members.c.group_name).scalar_subquery()).label("groups"))


def _groups() -> Select[Any]:
    members = select(group_members.c.user_name).where(group_members.c.group_name == groups.c.name)
    return select(groups, func.array(members.order_by(group_members.c.user_name).scalar_subquery()).label("members"))


def _user(row: Row[Any]) -> views.User:
    return views.User(name=row.name, roles=row.roles, groups=row.groups, created_at=row.created_at)


def _group(row: Row[Any]) -> views.Group:
    return views.Group(name=row.name, members=row.members, created_at=row.created_at)
