"""Frames from and to bytes. Pure: what a client sends is checked whole or refused with a code."""

from __future__ import annotations

from typing import get_args

import msgspec

from protocol.limits import SIGNALLING_MESSAGE_BYTES
from protocol.signalling import (
    FrameFromDoctor,
    FrameFromGuest,
    FrameFromVehicle,
    FrameToDoctor,
    FrameToGuest,
    FrameToVehicle,
    FromDoctor,
    FromGuest,
    FromVehicle,
    Role,
    ToDoctor,
    ToGuest,
    ToVehicle,
    Welcome,
)

AnyFrame = FrameFromVehicle | FrameFromDoctor | FrameFromGuest
Outgoing = ToVehicle | ToDoctor | ToGuest

_DECODERS: dict[Role, msgspec.json.Decoder[AnyFrame]] = {
    Role.vehicle: msgspec.json.Decoder(FrameFromVehicle), Role.doctor: msgspec.json.Decoder(FrameFromDoctor),
    Role.guest: msgspec.json.Decoder(FrameFromGuest)}
_TYPES = {role: {kind.__struct_config__.tag for kind in get_args(kinds)}
          for role, kinds in ((Role.vehicle, FromVehicle), (Role.doctor, FromDoctor), (Role.guest, FromGuest))}
_ENCODER = msgspec.json.Encoder()


class _Envelope(msgspec.Struct):
    """As much of a frame as is needed to say which one was refused, and why."""

    n: msgspec.Raw = msgspec.Raw(b"0")
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Tag(msgspec.Struct):
    type: str


class FrameRefused(Exception):
    """A frame that cannot be understood. `n` is its number when it could be read, else 0."""

    def __init__(self, code: str, n: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.n = n


def decode(data: str | bytes, role: Role) -> AnyFrame:
    """One frame of a client.

    FrameRefused: `frame.not_text`, `frame.too_large`, `frame.malformed`, `frame.unknown_type`.
    """
    if isinstance(data, bytes):
        raise FrameRefused("frame.not_text")
    if len(data) > SIGNALLING_MESSAGE_BYTES or len(data.encode(errors="surrogatepass")) > SIGNALLING_MESSAGE_BYTES:
        raise FrameRefused("frame.too_large")
    try:
        return _DECODERS[role].decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _refusal(data, role) from error


def encode(role: Role, n: int, ack: int, body: Outgoing) -> str:
    """One frame to a client of this role."""
    if role is Role.vehicle and isinstance(body, Welcome):
        # A guest's fields: they say nothing to a vehicle, and one of before there were guests refuses them.
        values = msgspec.to_builtins(FrameToVehicle(n=n, ack=ack, body=body))
        del values["body"]["guest"], values["body"]["call_id"]
        return _ENCODER.encode(values).decode()
    if role is Role.vehicle:
        return _ENCODER.encode(FrameToVehicle(n=n, ack=ack, body=body)).decode()  # type: ignore[arg-type]
    if role is Role.guest:
        return _ENCODER.encode(FrameToGuest(n=n, ack=ack, body=body)).decode()  # type: ignore[arg-type]
    return _ENCODER.encode(FrameToDoctor(n=n, ack=ack, body=body)).decode()  # type: ignore[arg-type]


def _refusal(data: str, role: Role) -> FrameRefused:
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        n = msgspec.json.decode(envelope.n, type=int)
        if not 0 <= n < 2**53:
            return FrameRefused("frame.malformed")
        tag = msgspec.json.decode(envelope.body, type=_Tag).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return FrameRefused("frame.malformed")
    return FrameRefused("frame.malformed" if tag in _TYPES[role] else "frame.unknown_type", n)
