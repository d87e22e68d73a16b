"""The Internet Printing Protocol's encoding (RFC 8010), as much of it as one PDF and its fate need. Pure."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

VERSION = 0x0200
"""IPP/2.0 (PWG 5100.12); every CUPS since 2010 answers it."""

_OPERATION_GROUP, _JOB_GROUP, _END = 0x01, 0x02, 0x03
_HEADER = struct.Struct(">HHI")


class Operation(enum.IntEnum):
    """RFC 8011, section 5.4.15."""

    print_job = 0x0002
    cancel_job = 0x0008
    get_job_attributes = 0x0009
    get_jobs = 0x000A
    get_printer_attributes = 0x000B


class Tag(enum.IntEnum):
    """Value tags of RFC 8010, section 3.5.2, that we write or read as more than bytes."""

    integer = 0x21
    boolean = 0x22
    enumeration = 0x23
    text_without_language = 0x41
    name_without_language = 0x42
    keyword = 0x44
    uri = 0x45
    charset = 0x47
    language = 0x48
    mime_type = 0x49


class Status(enum.IntEnum):
    """RFC 8011, section B.1; below 0x0100 the request was done."""

    not_possible = 0x0404
    not_found = 0x0406


class JobState(enum.IntEnum):
    """RFC 8011, section 5.3.7."""

    pending = 3
    held = 4
    processing = 5
    stopped = 6
    canceled = 7
    aborted = 8
    completed = 9


class IppError(ValueError):
    """The answer is not IPP."""


Value = int | str | bytes


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a request; several values make a set."""

    tag: Tag
    name: str
    values: tuple[int | str, ...]


def integer(name: str, value: int) -> Attribute:
    """`name` as an integer."""
    return Attribute(Tag.integer, name, (value,))


def words(tag: Tag, name: str, *values: str) -> Attribute:
    """`name` as text of the given kind."""
    return Attribute(tag, name, values)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status and its attribute groups in order, each name with all its values."""

    status: int
    groups: tuple[dict[str, tuple[Value, ...]], ...] = field(default=())

    @property
    def done(self) -> bool:
        """The request was carried out."""
        return self.status < 0x0100

    def values(self, name: str) -> tuple[Value, ...]:
        """The values of the first attribute of this name."""
        return next((group[name] for group in self.groups if name in group), ())

    def number(self, name: str) -> int | None:
        """The first value of this name as a number."""
        return next((value for value in self.values(name) if isinstance(value, int)), None)


def request(operation: Operation, attributes: Sequence[Attribute], *, job: Sequence[Attribute] = (),
            document: bytes = b"", number: int = 1) -> bytes:
    """A request: the two attributes every one begins with, ours, the job's, the document."""
    first = (words(Tag.charset, "attributes-charset", "utf-8"),
             words(Tag.language, "attributes-natural-language", "en"))
    parts = [_HEADER.pack(VERSION, operation, number), bytes([_OPERATION_GROUP])]
    parts += [_encoded(attribute) for attribute in (*first, *attributes)]
    if job:
        parts.append(bytes([_JOB_GROUP]))
        parts += [_encoded(attribute) for attribute in job]
    return b"".join([*parts, bytes([_END]), document])


def answer(data: bytes) -> Answer:
    """Read a response. Raises IppError for anything cut or out of form."""
    if len(data) < _HEADER.size:
        raise IppError(f"{len(data)} bytes are shorter than a header")
    _, status, _ = _HEADER.unpack_from(data)
    groups: list[dict[str, tuple[Value, ...]]] = []
    at, name = _HEADER.size, ""
    while at < len(data):
        tag = data[at]
        at += 1
        if tag == _END:
            return Answer(status, tuple(groups))
        if tag < 0x10:
            groups.append({})
            name = ""
            continue
        given, at = _field(data, at)
        value, at = _field(data, at)
        name = given.decode("utf-8", "replace") or name
        if not groups or not name:
            raise IppError("a value stands outside of an attribute")
        groups[-1][name] = (*groups[-1].get(name, ()), _decoded(tag, value))
    raise IppError("the end tag is missing")


def _encoded(attribute: Attribute) -> bytes:
    parts = []
    name = attribute.name.encode()
    for value in attribute.values:
        raw = struct.pack(">i", value) if isinstance(value, int) else value.encode()
        parts.append(struct.pack(">BH", attribute.tag, len(name)) + name + struct.pack(">H", len(raw)) + raw)
        # Further values of a set carry no name.
        name = b""
    return b"".join(parts)


def _field(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise IppError("a length is cut")
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    if end > len(data):
        raise IppError("a value is cut")
    return data[at + 2:end], end


def _decoded(tag: int, value: bytes) -> Value:
    if tag in (Tag.integer, Tag.enumeration):
        if len(value) != 4:
            raise IppError(f"an integer of {len(value)} bytes")
        return int.from_bytes(value, "big", signed=True)
    if tag == Tag.boolean:
        return int(value == b"\x01")
    if 0x40 <= tag <= 0x4A:
        return value.decode("utf-8", "replace")
    return value
