"""All models in one place, so that migrations see every table."""

from __future__ import annotations

from . import audit, calls, fleet, guests, papers, people
from .base import Base

__all__ = ["Base", "audit", "calls", "fleet", "guests", "papers", "people"]
