"""The truth: PostgreSQL. One module writes states (transitions.py)."""
