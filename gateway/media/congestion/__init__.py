"""Congestion control of one doctor's path: `now` and feedback in, decisions out; no clock, no sockets, no asyncio.

Imported by `gateway.media` and by the benchmarks' road in virtual time. docs/adr/congestion.md says why it is ours.
"""
