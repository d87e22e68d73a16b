"""What the fleet refuses, as coded errors."""

from __future__ import annotations


class FleetError(Exception):
    """Root of the fleet's refusals. `code` is stable; `facts` are for the sentence on the screen."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class RequestRefused(FleetError):
    """The certificate request itself is not acceptable: the asker must make another one."""


class CodeRefused(FleetError):
    """The enrolment code is unknown, used, expired or of a revoked vehicle: IT makes another one."""


class VehicleUnknown(FleetError):
    """IT named a vehicle that does not exist."""


class AuthorityUnusable(FleetError):
    """The CA's files are missing, unreadable or do not belong together."""
