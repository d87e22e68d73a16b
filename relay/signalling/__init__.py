"""Signalling: sockets of vehicles and doctors, presence, waiting room, calls, resume.

`app` builds it; `prescriptions` and `fleet` reach it through the bus only.
"""
