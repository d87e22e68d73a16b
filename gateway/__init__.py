"""The process in the vehicle: media, instruments, one consultation at a time, the kiosk.

Imports `protocol` only; `app` composes, `session` and `kiosk` sit above media, peripherals, store, printing.
"""
