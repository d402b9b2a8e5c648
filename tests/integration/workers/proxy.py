"""A way to Redis that can be made to swallow everything: connections stay, also new ones, and nothing gets through."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Listens on a port of its own, and passes on both ways until it is told to swallow."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.swallows = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        # What has been swallowed once is a stream with a hole: it is good for nothing afterwards either.
        lost = False
        with suppress(OSError):
            while data := source.recv(65536):
                lost = lost or self.swallows.is_set()
                if not lost:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End all connections."""
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
