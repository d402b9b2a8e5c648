"""The workflows that ship: every one could run at a site that has the built-in actions."""

import pytest

from orchestrator.contracts.workflow import Workflow
from orchestrator.services.check import definition_faults
from orchestrator.services.offers import BUILT_IN_DISCOVERIES, Offer, Offers
from orchestrator.services.plan import Where, plan
from orchestrator.services.ship import shipped
from workers.registry import REGISTRY

NAMES = ["archive", "checksum", "copy", "sync", "verify"]


@pytest.fixture(scope="module")
def offers() -> Offers:
    """What a site says that it has."""
    REGISTRY.load(["workers.actions"], groups=())
    return Offers(
        sites=frozenset({"london"}),
        actions={
            action.name: {"london": Offer("worker", action.parameters.schema, action.changes)}
            for action in REGISTRY.actions.values()
        },
        names=frozenset(REGISTRY.actions),
        discoveries=BUILT_IN_DISCOVERIES | {"changes"},
    )


def test_there_are_these() -> None:
    assert [workflow.name for workflow in shipped()] == NAMES


@pytest.mark.parametrize("workflow", shipped(), ids=lambda workflow: workflow.name)
def test_each_could_run(workflow: Workflow, offers: Offers) -> None:
    assert definition_faults(workflow, offers) == []
    required = {field.name: "/data/out" for field in workflow.fields if field.required}
    defaults = {field.name: field.default for field in workflow.fields if field.default is not None}
    steps, faults = plan(workflow, defaults | required, Where("london"), offers)
    assert faults == []
    assert len(steps) == len(workflow.filter_rules)
    for field in workflow.fields:
        assert field.label
