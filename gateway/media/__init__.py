"""Picture and sound of the vehicle: camera, one encoder, packets to every peer, sound forwarded undecoded.

The only importer of `av`, `aiortc` and `aioice`. `session`, `kiosk` and `app` import `config`, `events` and `engine`.
"""
