"""The relay's own signing keys (P-256): made at first start, kept in files only the relay reads."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_COORDINATE = 32
"""Octets of r and of s over P-256."""


class KeyRefused(Exception):
    """A key file that cannot be used; the sentence says why and never shows what is in it."""


@dataclass(frozen=True)
class SigningKey:
    """A P-256 key and its name, the first half of the SHA-256 of its public key."""

    private: ec.EllipticCurvePrivateKey
    key_id: str

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self.private.public_key()

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 as raw r||s, 64 octets."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")


def verify(public: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
    """Check raw r||s; `cryptography.exceptions.InvalidSignature` when it does not hold."""
    r, s = (int.from_bytes(part, "big") for part in (signature[:_COORDINATE], signature[_COORDINATE:]))
    public.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))


def named(private: ec.EllipticCurvePrivateKey) -> SigningKey:
    """A key with its name."""
    spki = private.public_key().public_bytes(serialization.Encoding.DER,
                                             serialization.PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(private, hashlib.sha256(spki).hexdigest()[:32])


def load_or_make(path: Path) -> SigningKey:
    """The key in `path`, made (mode 0600, on disk before it is used) when there is none yet."""
    if path.exists():
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyRefused(f"the key {path} may be read by others than the relay: chmod 600")
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as error:
            raise KeyRefused(f"the key {path} is not a readable PEM key") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise KeyRefused(f"the key {path} is not a P-256 key")
        return named(private)
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())
    _write_whole(path, pem)
    return named(made)


def _write_whole(path: Path, content: bytes) -> None:
    """Either the whole file is there after a power cut or none of it."""
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
