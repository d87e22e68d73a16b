"""Two bots that use the pages as people do, in a real Chromium: a nurse and a doctor. They say so where they sign.

Used by the tour, the end-to-end tests and the benchmarks; the only importer of Playwright.
"""
