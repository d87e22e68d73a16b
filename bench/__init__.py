"""Benchmarks: measured, side by side, as JSON. `./run bench` lists them.

A benchmark is a module with `SUMMARY`, `arguments(parser)` and `run(options) -> Measured`. Imports every room.
"""
