"""Webhooks: what is said to make one, and how what is sent to it is signed.

Signed as Standard Webhooks has it, so that receivers find libraries: HMAC-SHA256 over ``id.timestamp.body``.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

_PREFIX = "whsec_"

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class WebhookAsked(BaseModel):
    """Where events are to be sent, and which."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.org/jobs", "events": ["AllSucceeded", "SomeFailed"]}]},
    )

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[!-~]*$")]
    events: Annotated[list[Word], Field(min_length=1, max_length=100)] | None = None
    """Of a job's history, by name; absent: all."""
    workflow: Word | None = None
    """Only of this workflow's jobs."""

    @field_validator("url")
    @classmethod
    def _can_be_sent_to(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"is no address: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError("has to be https://host/...")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("may have neither a password nor a #fragment")
        return url


def webhook_key(secret: bytes, webhook: int) -> bytes:
    """The key of one webhook, derived from the installation's secret: it need not be kept."""
    return hmac.digest(secret, b"orchestrator webhook key\0%d" % webhook, hashlib.sha256)


def shown_key(key: bytes) -> str:
    """The key as receivers are given it."""
    return _PREFIX + base64.b64encode(key).decode()


def signed(key: bytes, delivery: int, at: int, body: bytes) -> Mapping[str, str]:
    """The headers that go with a body sent at a time (seconds since 1970)."""
    mac = hmac.digest(key, b"%d.%d." % (delivery, at) + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(mac).decode()}"
    return {"webhook-id": str(delivery), "webhook-timestamp": str(at), "webhook-signature": signature}
