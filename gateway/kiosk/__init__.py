"""The nurse's touchscreen: HTTP, WebSocket and the local peer connection, on loopback only.

Sits above store, media and session, which it sees through `partners`; imported by `app`.
"""
