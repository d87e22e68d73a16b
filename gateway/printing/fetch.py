"""Prescriptions from the relay over the vehicle's mutual TLS."""

from __future__ import annotations

import hashlib

import aiohttp
from yarl import URL

from protocol.limits import PRESCRIPTION_PDF_BYTES
from protocol.signalling import PrescriptionReady

from .errors import FetchFailed
from .room import Refused

FETCH_SECONDS = 60.0
"""60 KiB at 20 kbit/s under a call is 24 s."""


async def fetch(http: aiohttp.ClientSession, relay: URL, message: PrescriptionReady) -> bytes:
    """The PDF of the announced hash.

    Raises FetchFailed when asking later may help, Refused `prescription.altered` when the bytes are others.
    """
    url = relay / "vehicle" / "prescriptions" / message.prescription_id
    try:
        async with http.get(url, timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS), allow_redirects=False) as answer:
            if answer.status != 200:
                raise FetchFailed(f"prescription.http_{answer.status}")
            pdf = await answer.content.read(PRESCRIPTION_PDF_BYTES + 1)
            while not answer.content.at_eof() and len(pdf) <= PRESCRIPTION_PDF_BYTES:
                pdf += await answer.content.read(PRESCRIPTION_PDF_BYTES + 1 - len(pdf))
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise FetchFailed("relay.unreachable") from error
    if len(pdf) > PRESCRIPTION_PDF_BYTES:
        raise Refused("prescription.too_large")
    if hashlib.sha256(pdf).hexdigest() != message.sha256:
        raise Refused("prescription.altered")
    return pdf
