"""What crosses a wire, and nothing else: messages, state tables, codes, limits, the version rule.

Pure: no asyncio, no clock, no I/O. Imported by every room; imports none of ours.
"""

VERSION = 1
"""Major version of the wire. A peer that says another one is answered `version.unsupported`."""

SUBPROTOCOL = "passerelle.v1"
"""WebSocket subprotocol (RFC 6455, section 1.9) of the signalling sockets."""

SUBPROTOCOL_1 = "passerelle.v1.1"
"""The same with what was added since. A vehicle offers it first and the plain one behind it; a relay of before chooses
the plain one and is told nothing it does not know: `VehicleHealth.call`. The next addition takes the next number."""
