"""Reads, a file a subject: bounded, keyset-paged, never a count by scan; each gives the models of contracts.views."""
