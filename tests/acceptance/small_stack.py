"""A stack of PostgreSQL, Redis and a pool, for killing; a program (HOME [OTHER CODE FOR THE POOL])."""

import os
import sys
from pathlib import Path

from orchestrator.stack.home import held, make_home
from orchestrator.stack.interrupts import Asked, Interrupts
from orchestrator.stack.postgres import prepare_postgres
from orchestrator.stack.program import Program
from orchestrator.stack.redis import prepare_redis
from orchestrator.stack.say import say
from orchestrator.stack.supervise import Supervisor

POOL = '''
import os, signal, subprocess, sys, time
# Two children that nothing but SIGKILL ends; one is in a session of its own.
child = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("child", flush=True)
time.sleep(600)
"""
for own in (False, True):
    subprocess.Popen([sys.executable, "-ISs", "-c", child], start_new_session=own)
time.sleep(600)
'''


def main(home: Path, code: str = POOL) -> None:
    make_home(home)
    with held(home) as lock, Interrupts() as interrupts:
        supervisor = Supervisor(home, lock, interrupts, say)
        try:
            postgres = prepare_postgres(home, home / "logs" / "postgres.log", {"fsync": "off"})
            redis = prepare_redis(home, home / "logs" / "redis.log")
            pool = [sys.executable, "-ISs", "-c", code]
            supervisor.start(postgres.program())
            supervisor.start(redis.program())
            supervisor.start(Program("pool", pool, home / "logs" / "pool.log", home, dict(os.environ)))
            log = home / "logs" / "pool.log"
            supervisor.until_answered(
                lambda: [
                    *([] if postgres.answers() else ["postgres"]),
                    *([] if redis.answers() else ["redis"]),
                    *([] if log.read_text().count("child") >= 2 else ["pool"]),
                ],
                30,
            )
            say("ready")
            supervisor.run()
        except Asked:
            pass
        finally:
            supervisor.stop([lambda name: name == "pool", lambda name: name == "redis"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
