"""Our Uvicorn: it answers, and a signal ends it although it looks for nothing."""

import signal
import subprocess
import sys

import httpx

from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until

_PROGRAM = """
import sys
import uvicorn
from orchestrator.api import server
server._DATE_SECONDS = 3600.0

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})

server.Server(uvicorn.Config(app, port=int(sys.argv[1]), lifespan="off", log_level="error")).run()
"""


def test_it_answers_and_ends_when_it_is_told_to() -> None:
    port = free_port()
    running = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port)])

    def answers() -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        except httpx.ConnectError:
            return False
        return answer.status_code == 204 and "date" in answer.headers

    try:
        assert wait_until(answers, 30)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == -signal.SIGTERM
    finally:
        running.kill()
        running.wait()
