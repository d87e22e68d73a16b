"""What `passerelle-gateway decode` knows of waveform frames: the KIND of the command and its decoder. Pure."""

from __future__ import annotations

from collections.abc import Callable

from .decoded import Decoded

KINDS: dict[str, Callable[[bytes, str], Decoded]] = {}
"""By kind (lower case): frame and model in, `Decoded` out; `DecodeError` for bytes that are refused."""
