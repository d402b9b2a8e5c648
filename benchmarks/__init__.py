"""Workloads that say how fast and how small it is, as ratios to its peers in the same run; see README.md here."""
