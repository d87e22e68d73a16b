"""The demonstration: one relay and simulated vehicles as real processes, and the walk-through that two bots play.

Starts the other rooms as processes and never imports them; used by `./run demo`, end-to-end tests and benchmarks.
"""
