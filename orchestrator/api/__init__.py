"""The HTTP API: routes that say what they need, one gate before them all, problems as documents."""
