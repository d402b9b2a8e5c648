"""What is said when what runs of a workflow is to be limited otherwise, while it runs."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.contracts.workflow import AtOnce, Workflow

_ActionName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LimitsAsked(BaseModel):
    """How many tasks may run at once; what is left out stays, and null takes a limit away."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"max_running": 40, "actions": {"http.post": 4}}]}
    )

    max_running: AtOnce | None = None
    """Of all jobs of the workflow together."""
    actions: Annotated[dict[_ActionName, AtOnce | None], Field(max_length=1000)] = {}
    """By action, in all jobs of the workflow together."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if "max_running" not in self.model_fields_set and not self.actions:
            raise ValueError("changes nothing")
        return self

    def applied(self, workflow: Workflow) -> Workflow:
        """The workflow with these limits."""
        rules = [
            rule.model_copy(
                update={
                    "action": [
                        action.model_copy(update={"max_running": self.actions[action.name]})
                        if action.name in self.actions and action.manual is None
                        else action
                        for action in rule.action
                    ]
                }
            )
            for rule in workflow.filter_rules
        ]
        own = {"max_running": self.max_running} if "max_running" in self.model_fields_set else {}
        return workflow.model_copy(update={"filter_rules": rules, **own})
