"""The command line: one file per subject, each a thin reading of the HTTP API."""
