"""Metrics, as Prometheus scrapes them: of this process, and of the whole installation."""
