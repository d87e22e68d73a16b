"""Instruments: pure decoders (`ieee11073`, `profiles/`), drivers of real devices, one task per instrument.

Imports `protocol` only; imported by `app` and `session`. bleak, pyserial and cv2: one module of `drivers/` each.
"""
