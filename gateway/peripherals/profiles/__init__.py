"""Bluetooth GATT profiles as values: bytes in, frozen values out, a coded `DecodeError` otherwise.

Pure: no asyncio, no clock, no I/O. Imported by `readings` and `drivers/` of this package.
"""
