"""Benchmarks: how long the parts take beside a plain tool that does the least of the same work, in one run."""
