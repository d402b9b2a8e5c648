"""Users and groups: listed, made, changed and deleted."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from orchestrator.api.idempotency import Once
from orchestrator.api.requires import Db, NoQuery, PageQuery, Who, needs
from orchestrator.contracts import views
from orchestrator.contracts.users import GroupAsked, UserAsked, UserChange
from orchestrator.domain.roles import Permission
from orchestrator.services.users import change_user, delete_group, delete_user, make_group, make_user
from orchestrator.storage.queries import users
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["users"])
_READ = [needs(Permission.READ)]
_KEYS = [needs(Permission.KEYS)]
Name = Annotated[str, Path(max_length=100)]


@router.post("/users", dependencies=_KEYS, status_code=201, summary="Make a user")
def create_user(asked: UserAsked, engine: Db, who: Who, once: Once, _query: NoQuery) -> views.User:
    """In some roles and groups. A password is kept as a salted hash; what the API takes are keys."""
    with engine.begin() as tx:
        return users.read_user(tx, once.make(tx, lambda: make_user(tx, asked, who.user)))


@router.get("/users", dependencies=_READ, summary="List users, by name")
def list_users(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.User]:
    """With their roles and groups."""
    with snapshot(engine) as tx:
        return users.list_users(tx, query.limit, query.cursor)


@router.get("/users/{name}", dependencies=_READ, summary="One user")
def read_user(name: Name, engine: Db, _query: NoQuery) -> views.User:
    """With their roles and groups."""
    with snapshot(engine) as tx:
        return users.read_user(tx, name)


@router.patch("/users/{name}", dependencies=_KEYS, summary="Change a user")
def update_user(name: Name, asked: UserChange, request: Request, engine: Db, who: Who, _query: NoQuery) -> views.User:
    """Roles, groups or password. It counts here at once and everywhere within 5 s."""
    with engine.begin() as tx:
        change_user(tx, name, asked, who.user)
        user = users.read_user(tx, name)
    request.app.state.callers.forget()
    return user


@router.delete("/users/{name}", dependencies=_KEYS, status_code=204, summary="Delete a user")
def remove_user(name: Name, request: Request, engine: Db, who: Who, _query: NoQuery) -> None:
    """And their keys. Not the last admin, and not who still has work."""
    with engine.begin() as tx:
        delete_user(tx, name, who.user)
    request.app.state.callers.forget()


@router.post("/groups", dependencies=_KEYS, status_code=201, summary="Make a group, or add to one")
def create_group(asked: GroupAsked, request: Request, engine: Db, who: Who, once: Once, _query: NoQuery) -> views.Group:
    """A group is also made wherever it is named for the first time."""
    with engine.begin() as tx:
        group = users.read_group(tx, once.make(tx, lambda: make_group(tx, asked, who.user)))
    request.app.state.callers.forget()
    return group


@router.get("/groups", dependencies=_READ, summary="List groups, by name")
def list_groups(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.Group]:
    """With their members."""
    with snapshot(engine) as tx:
        return users.list_groups(tx, query.limit, query.cursor)


@router.get("/groups/{name}", dependencies=_READ, summary="One group")
def read_group(name: Name, engine: Db, _query: NoQuery) -> views.Group:
    """With its members."""
    with snapshot(engine) as tx:
        return users.read_group(tx, name)


@router.delete("/groups/{name}", dependencies=_KEYS, status_code=204, summary="Delete a group")
def remove_group(name: Name, request: Request, engine: Db, who: Who, _query: NoQuery) -> None:
    """Its members stay. Not while open work is assigned to it."""
    with engine.begin() as tx:
        delete_group(tx, name, who.user)
    request.app.state.callers.forget()
