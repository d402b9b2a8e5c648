"""Whom a connection trusts."""

import ssl
from urllib.parse import urlsplit


def trusted(url: str) -> ssl.SSLContext | bool:
    """What httpx is to verify by: as it does by itself, and without TLS nothing.

    It would load the certificates of the whole world all the same, which takes longer than most requests.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if urlsplit(url).scheme == "http" else True
