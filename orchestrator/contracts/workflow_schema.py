"""The JSON Schema of a workflow's definition: editors complete and check by it."""

from typing import Any

from orchestrator.contracts.workflow import Workflow


def workflow_schema() -> dict[str, Any]:
    """What a file may say. What depends on the sites (actions, their parameters) is checked by the service alone."""
    schema = Workflow.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:orchestrator:workflow", **schema}
