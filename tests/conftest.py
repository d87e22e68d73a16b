"""What holds for every test: the same examples each time, and none judged by how fast this machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite", derandomize=True, database=None, deadline=None, print_blob=True,
    # Both measure the clock of a machine that does much else; how an example is made is not what a test pins.
    suppress_health_check=(HealthCheck.too_slow,))
settings.register_profile("search", settings.get_profile("suite"), derandomize=False, max_examples=1000)
"""New examples, many: `./run test --hypothesis-profile search tests/unit`. What it finds becomes an `@example`."""
settings.load_profile("suite")
