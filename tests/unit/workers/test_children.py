"""Making children: in a process of its own, so that nothing else is forked."""

import subprocess
import sys

_PROGRAM = """
import gc, os
from types import SimpleNamespace
from workers.children import Children

def fork():
    pid = os.fork()
    if pid == 0:
        print(gc.get_freeze_count() > 1000, children.own is not None, flush=True)
        os._exit(0)
    return SimpleNamespace(pid=pid)

children = Children()
process = children.fork(fork)
os.waitpid(process.pid, 0)
print(gc.get_freeze_count(), children.own, [child.pid == process.pid for child in children.living()])
"""


def test_a_childs_collector_leaves_alone_what_it_shares_and_the_parents_does_not() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines() == ["True True", "0 None [True]"]
