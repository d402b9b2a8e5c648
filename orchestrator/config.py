"""Settings, read once at the edge and passed inward as plain values."""
