"""What is said when a user or a group is made or changed."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from orchestrator.domain.roles import Role

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}$")]
"""Of a user or a group: what can stand in an address as it is."""
Password = Annotated[str, StringConstraints(min_length=8, max_length=200)]


Roles = Annotated[list[Role], Field(min_length=1, max_length=10)]
Groups = Annotated[list[UserName], Field(max_length=100)]


class UserChange(BaseModel):
    """What of a user is to be otherwise; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"groups": ["qa"]}]})

    roles: Roles | None = None
    groups: Groups | None = None
    password: Password | None = None


class UserAsked(BaseModel):
    """A user who is to be made; a group named for the first time is made as well."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "ann", "roles": ["worker"], "groups": ["qa"]}]}
    )

    name: UserName
    roles: Roles
    groups: Groups = []
    password: Password | None = None


class GroupAsked(BaseModel):
    """A group, and who is in it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "qa", "members": ["ann"]}]})

    name: UserName
    members: Annotated[list[UserName], Field(max_length=1000)] = []
