"""What the events of every kind of job do, for ``fire``."""

from collections.abc import Mapping

from orchestrator.domain.kinds import Kind
from orchestrator.services import batch_events
from orchestrator.services.fire import Actions

ACTIONS: Mapping[Kind, Actions] = {Kind.BATCH: batch_events.ACTIONS}
