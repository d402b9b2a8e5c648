"""The rules, and nothing else: pure, standard library only; clocks and ids are passed in."""
