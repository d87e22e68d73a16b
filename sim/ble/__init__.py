"""Bluetooth instruments on their real wire protocols, with their real manners, on the virtual radio.

Encoders here follow the specifications and know nothing of the gateway's decoders. Used by `sim` and by tests.
"""
