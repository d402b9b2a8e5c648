"""Chaos: a stack under load, a monkey that breaks it, and somebody who watches whether what must hold still holds.

``trial`` does all of it on a stack that runs; a monkey alone, the load alone and the watch alone are of use to tests.
"""

from orchestrator.chaos.faults import FAULTS
from orchestrator.chaos.load import Load
from orchestrator.chaos.monkey import Injected, Monkey
from orchestrator.chaos.report import Report
from orchestrator.chaos.target import Target, opened
from orchestrator.chaos.trial import trial
from orchestrator.chaos.watch import Watch

__all__ = ["FAULTS", "Injected", "Load", "Monkey", "Report", "Target", "Watch", "opened", "trial"]
