"""What we are measured beside: each peer is a program here, run in an environment of its own.

The programs import nothing but the standard library, ``benchmarks.peers`` and the peer itself.
"""
