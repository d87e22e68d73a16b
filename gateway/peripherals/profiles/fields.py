"""The fields of one frame read in their order: little-endian, cut and overlong frames refused by name. Pure."""

from __future__ import annotations

from datetime import datetime

from ..errors import DecodeError
from ..ieee11073 import Number, float32, sfloat
from . import date_time


class Fields:
    """Reads `data` from its first byte on. `name` is the first part of the codes `<name>.short`, `<name>.long`."""

    def __init__(self, name: str, data: bytes) -> None:
        self._name, self._data, self._at = name, data, 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes; DecodeError `<name>.short` when they are not all there."""
        if self.left < size:
            raise DecodeError(f"{self._name}.short", f"{len(self._data)} bytes, at least {self._at + size}")
        self._at += size
        return self._data[self._at - size:self._at]

    def unsigned(self, size: int = 1) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """A two's complement integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def sfloat(self) -> Number:
        """An IEEE 11073 SFLOAT."""
        return sfloat(self.take(2))

    def float32(self) -> Number:
        """An IEEE 11073 FLOAT."""
        return float32(self.take(4))

    def date_time(self) -> datetime | None:
        """A Date Time; None when it is unknown. Also raises `date_time.invalid`."""
        return date_time.decode(self.take(date_time.SIZE))

    def end(self) -> None:
        """DecodeError `<name>.long` when bytes are left that nothing announced."""
        if self.left:
            raise DecodeError(f"{self._name}.long", f"{len(self._data)} bytes, {self._at} announced")
