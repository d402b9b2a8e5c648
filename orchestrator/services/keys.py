"""API keys: made, shown once, kept as a hash, checked, rotated, revoked.

A key reads ``tq_<prefix>_<secret>``: eight characters to find it by, and 256 random bits in base64url.
"""

import base64
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.domain.people import Person
from orchestrator.domain.roles import AT_A_SITE, OF_A_WORKFLOW, Permission, Role, granted, within
from orchestrator.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import api_keys, group_members, sites, users, workflows

_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_KEY = re.compile(r"tq_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_GROUPS = func.array(
    select(group_members.c.group_name).where(group_members.c.user_name == users.c.name).scalar_subquery()
)
_NO_HASH = bytes(32)
_USE_NOTED_EVERY = timedelta(minutes=1)
INSTALLATION = "installation"
"""Who makes what nobody asked for over the API."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, and in which roles."""

    user: str
    roles: frozenset[Role]
    key_id: int
    groups: frozenset[str] = frozenset()
    site: str | None = None
    """The only one that this key reaches; None: every one."""
    workflow: str | None = None
    """The only one whose jobs this key reaches; None: every one."""

    @property
    def person(self) -> Person:
        """As the machines ask for them."""
        return Person(self.user, self.roles, self.groups)

    def may(self, permission: Permission) -> bool:
        """Whether one of the roles grants it, and the key is not bound to a part where it is for the whole."""
        return (
            permission in granted(self.roles)
            and (self.site is None or permission in AT_A_SITE)
            and (self.workflow is None or permission in OF_A_WORKFLOW)
        )

    def must(self, permission: Permission) -> None:
        """Raise Forbidden unless one of the roles grants it."""
        if not self.may(permission):
            raise Forbidden(f"{self.user} may not do this: it needs the permission '{permission}'")

    def must_reach(self, site: object, workflow: object) -> None:
        """Raise Forbidden when the key is bound to another site, or to another workflow."""
        if self.site is not None and site != self.site:
            raise Forbidden(f"this key is bound to the site {self.site!r}")
        if self.workflow is not None and workflow != self.workflow:
            raise Forbidden(f"this key is bound to the workflow {self.workflow!r}")


class NewKey(NamedTuple):
    """A key just made; ``plain`` is known only here and now."""

    id: int
    plain: str


def ensure_admin_key(engine: Engine, name: str = "admin") -> str:
    """A new key of an admin of this name, who is made if need be; returns the plain key."""
    with engine.begin() as tx:
        row = insert(users).values(name=name, roles=[Role.ADMIN])
        tx.execute(row.on_conflict_do_update(index_elements=[users.c.name], set_={"roles": row.excluded.roles}))
        return make_key(tx, name, label="made by the installation").plain


def make_key(
    tx: Connection,
    user: str,
    label: str | None = None,
    roles: Collection[Role] | None = None,
    expires_at: datetime | None = None,
    site: str | None = None,
    workflow: str | None = None,
    *,
    by: str = INSTALLATION,
) -> NewKey:
    """A new key of a user; with ``roles``, it may only what both they and the user's own roles grant.

    With ``site`` or ``workflow`` it reaches this one only. Invalid when there is no such user, site or workflow, a role
    is beyond the user's, or it would have ended already.
    """
    owned = tx.scalar(select(users.c.roles).where(users.c.name == user))
    if owned is None:
        raise Invalid("the key can not be made", [Fault("$.user", f"there is no user {user!r}")])
    if not within(owned).issuperset(roles or ()):
        raise Invalid("the key can not be made", [Fault("$.roles", f"{user} has only these roles: {', '.join(owned)}")])
    if site is not None and tx.scalar(select(sites.c.name).where(sites.c.name == site)) is None:
        raise Invalid("the key can not be made", [Fault("$.site", f"nothing was ever heard of a site {site!r}")])
    if workflow is not None and not tx.scalar(
        select(literal(True)).where(workflows.c.name == workflow, workflows.c.deleted_at.is_(None))
    ):
        raise Invalid("the key can not be made", [Fault("$.workflow", f"there is no workflow {workflow!r}")])
    _must_be_to_come(tx, expires_at)
    values = {
        "user_name": user,
        "label": label,
        "roles": None if roles is None else sorted(roles),
        "expires_at": expires_at,
        "site": site,
        "workflow": workflow,
    }
    made = _issue(tx, values)
    told = {name: value for name, value in values.items() if value is not None and name != "expires_at"}
    audit(tx, by, "key.create", f"key {made.id}", detail=told)
    return made


def rotate_key(
    tx: Connection, key_id: int, overlap_s: float, expires_at: datetime | None = None, *, by: str = INSTALLATION
) -> NewKey:
    """A new key of the same user, label and scope in the place of one that still works for so long.

    Without ``expires_at`` it lives as long as the one before was meant to. NotFound; Conflict for one that is replaced
    already, has expired or is revoked.
    """
    alive = api_keys.c.revoked_at.is_(None) & func.coalesce(api_keys.c.expires_at > func.now(), True)
    query = select(api_keys, alive.label("alive")).where(api_keys.c.id == key_id).with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no key {key_id}")
    if row["replaced_by"] is not None:
        raise Conflict(f"key {row['replaced_by']} was made in the place of key {key_id} already: rotate that")
    if not row["alive"]:
        raise Conflict(f"key {key_id} has expired, or is revoked: make a new one")
    _must_be_to_come(tx, expires_at)
    same = {name: row[name] for name in ("user_name", "label", "roles", "site", "workflow")}
    if expires_at is None and row["expires_at"] is not None:
        expires_at = tx.execute(select(func.now())).scalar_one() + (row["expires_at"] - row["created_at"])
    made = _issue(tx, same | {"expires_at": expires_at})
    over = func.now() + timedelta(seconds=overlap_s)
    ends = {"expires_at": func.least(api_keys.c.expires_at, over), "replaced_by": made.id}
    tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(ends))
    audit(tx, by, "key.rotate", f"key {key_id}", detail={"new": made.id, "overlap_s": overlap_s})
    return made


def _must_be_to_come(tx: Connection, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= tx.execute(select(func.now())).scalar_one():
        raise Invalid("the key can not be made", [Fault("$.expires_at", "is over already")])


def _issue(tx: Connection, values: Mapping[str, Any]) -> NewKey:
    """Keep a new key with these columns."""
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
    plain = f"tq_{prefix}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}"
    key_id = tx.execute(
        insert(api_keys).values(prefix=prefix, hash=_hash(plain), **values).returning(api_keys.c.id)
    ).scalar_one()
    return NewKey(key_id, plain)


def check_key(engine: Engine, plain: str) -> Caller:
    """Who a key belongs to; Unauthenticated when it is unknown, expired or revoked, without saying which."""
    match = _KEY.fullmatch(plain)
    if match is None:
        raise Unauthenticated("this is not an API key")
    alive = api_keys.c.revoked_at.is_(None) & func.coalesce(api_keys.c.expires_at > func.now(), True)
    unnoted = func.coalesce(api_keys.c.last_used_at < func.now() - _USE_NOTED_EVERY, True)
    with engine.begin() as tx:
        row = tx.execute(
            select(
                api_keys.c.id,
                api_keys.c.hash,
                api_keys.c.roles,
                api_keys.c.site,
                api_keys.c.workflow,
                users.c.name,
                users.c.roles.label("owned"),
                _GROUPS.label("groups"),
                unnoted.label("unnoted"),
            )
            .join(users, users.c.name == api_keys.c.user_name)
            .where(api_keys.c.prefix == match[1], alive)
        ).one_or_none()
        same = hmac.compare_digest(_hash(plain), _NO_HASH if row is None else bytes(row.hash))
        if row is None or not same:
            raise Unauthenticated("the API key is unknown, expired or revoked")
        if row.unnoted:
            tx.execute(update(api_keys).where(api_keys.c.id == row.id, unnoted).values(last_used_at=func.now()))
    return Caller(row.name, _scope(row.owned, row.roles), row.id, frozenset(row.groups), row.site, row.workflow)


def revoke_key(tx: Connection, key_id: int, *, by: str = INSTALLATION) -> None:
    """End a key for good; again is no error, NotFound when there is none."""
    revoked = (
        update(api_keys)
        .where(api_keys.c.id == key_id)
        .values(revoked_at=func.coalesce(api_keys.c.revoked_at, func.now()))
    )
    if not tx.execute(revoked).rowcount:
        raise NotFound(f"there is no key {key_id}")
    audit(tx, by, "key.revoke", f"key {key_id}")


def _hash(plain: str) -> bytes:
    # Plain SHA-256 is enough: the secret is 256 random bits, not a password that could be guessed.
    return hashlib.sha256(plain.encode()).digest()


def _scope(owned: Collection[str], asked: Collection[str] | None) -> frozenset[Role]:
    """A key's roles, never above its owner's."""
    return frozenset(map(Role, owned)) if asked is None else within(owned) & frozenset(map(Role, asked))
