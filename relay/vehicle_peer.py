"""Which vehicle is on the other end of a TLS connection: its certificate, then the registry."""

from __future__ import annotations

import hashlib
import ssl

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relay.bodies import Refused
from relay.signalling.partners import DeviceStanding, Registry

URN = "urn:passerelle:vehicle:"

REGISTRY = web.AppKey("registry", Registry)


async def vehicle_of(request: web.Request) -> str:
    """The identifier of the vehicle that asks.

    Refused(403) with `vehicle.unknown`, `vehicle.revoked` or `vehicle.certificate`: deny by default.
    """
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    if not isinstance(tls, ssl.SSLObject):
        raise Refused(403, "vehicle.certificate")
    der = tls.getpeercert(binary_form=True)
    if not der:
        raise Refused(403, "vehicle.certificate")
    named, spki = named_vehicle(der)
    state = await request.app[REGISTRY].device_state(spki)
    if state.standing is DeviceStanding.revoked:
        raise Refused(403, "vehicle.revoked")
    if state.standing is not DeviceStanding.active:
        raise Refused(403, "vehicle.unknown")
    if state.vehicle_id != named:
        raise Refused(403, "vehicle.certificate")
    return state.vehicle_id


def named_vehicle(der: bytes) -> tuple[str, str]:
    """The vehicle a certificate names in its one URI, and the SHA-256 of its public key (hexadecimal).

    Refused(403) when it names none. TLS has checked its chain and dates before.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Refused(403, "vehicle.certificate") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or not uris[0].startswith(URN):
        raise Refused(403, "vehicle.certificate")
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return uris[0].removeprefix(URN), hashlib.sha256(spki).hexdigest()
