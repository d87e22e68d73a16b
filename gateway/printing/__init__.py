"""Prescriptions on the vehicle: fetched, verified, printed once, handed over.

`cups` and `folder` are the only callers of a print system. Imports `protocol` only; imported by `app`.
"""
