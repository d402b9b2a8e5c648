"""The hub, ``python -m orchestrator.hub``: the one writer of states, in turns (active.py), in a loop (loop.py).

One is active at a time, held by an advisory lock; another that runs waits for it.
"""

from orchestrator.hub.active import Hub as Hub
from orchestrator.hub.loop import run as run
