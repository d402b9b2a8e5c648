"""The checks of ``orchestrator doctor``: each yields findings, with the remedy for what is wrong."""
