"""Somebody who asks the API."""

import httpx

from orchestrator.client.trust import trusted


def asking(url: str | httpx.URL, key: str = "") -> httpx.Client:
    """A client of the API at this address, for who has this key, or for a stranger."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30, verify=trusted(str(url)))
