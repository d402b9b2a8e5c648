"""Many who listen to live events, as a process of its own: ``python -m benchmarks.listeners URL KEY COUNT PATH...``.

Prints ``ready`` once all are told the first; and at the end of its standard input what they have heard, as JSON.
"""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Heard:
    """What all of them have heard."""

    events: int = 0
    broken: int = 0
    """Connections that the other end has closed, or never opened."""


async def listen(url: str, key: str, path: str, heard: Heard, begun: asyncio.Semaphore) -> None:
    """One connection, kept open; events are counted and not read."""
    host = urlsplit(url).netloc
    request = f"GET /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(request.encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise ConnectionError(status)
        while b"retry: " not in await reader.readline():
            pass
        begun.release()
        while part := await reader.read(65536):
            heard.events += part.count(b"data: ")
        raise ConnectionResetError
    except (OSError, asyncio.IncompleteReadError):
        heard.broken += 1
        begun.release()


async def main(url: str, key: str, count: int, paths: list[str]) -> None:
    """All of them, until standard input ends."""
    heard, begun = Heard(), asyncio.Semaphore(0)
    tasks = [asyncio.create_task(listen(url, key, paths[number % len(paths)], heard, begun)) for number in range(count)]
    for _ in tasks:
        await begun.acquire()
    print("ready", flush=True)  # noqa: T201 - that is how it tells
    await asyncio.to_thread(sys.stdin.read)
    broken = heard.broken
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)
    print(json.dumps({"events": heard.events, "broken": broken}), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
