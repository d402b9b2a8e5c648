"""The embedded stack: PostgreSQL, Redis, hub, API, sites and Flower on one machine, for one command.

Nothing in here is needed where these run as services of their own.
"""
