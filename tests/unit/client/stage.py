"""A server that plays what a test tells it to, and what it was asked."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Play = Callable[[BaseHTTPRequestHandler], None]


Asked = list[tuple[str, dict[str, str], bytes]]
"""Line, headers, body."""


@contextmanager
def staged() -> Generator[tuple[list[Play], Asked, str]]:
    """What is to be answered, in order; what was asked; and the address."""
    plays: list[Play] = []
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((f"{self.command} {self.path}", {k.lower(): v for k, v in self.headers.items()}, body))
            plays.pop(0)(self)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one  # noqa: N815 - the names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield plays, asked, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(status: int, content: object, kind: str = "application/json", **headers: str) -> Play:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return play


def stream(*chunks: str) -> Play:
    """Events, then the connection breaks off."""
    return answer(200, "".join(chunks).encode(), "text/event-stream; charset=utf-8")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def event(seq: int, state: str) -> str:
    return f"id: {seq}\ndata: {json.dumps({'seq': seq, 'state': state})}\n\n"
