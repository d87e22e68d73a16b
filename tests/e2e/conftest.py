"""How long an end-to-end test waits for what it expects to see, wherever it says nothing else."""

from __future__ import annotations

from playwright.async_api import expect

from sim.bots.browser import STEP_MS

expect.set_options(timeout=STEP_MS)
