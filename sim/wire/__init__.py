"""Serial instruments on pseudo-terminals, each in its maker's own framing, and the cart that leaves files in a folder.

Imported by `sim` only. The encoders are of their own: no decoder of the gateway is tested against itself.
"""
