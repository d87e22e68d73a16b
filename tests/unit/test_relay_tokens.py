"""Tokens for sockets: one test for each known trap of JWT."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from relay.identity.tokens import AUDIENCE, ISSUER, TYPE, Bearer, TokenRefused, Tokens
from relay.keys import named

KEY = named(ec.generate_private_key(ec.SECP256R1()))
TOKENS = Tokens(KEY)


def now() -> datetime:
    """Of the test itself: a token lives ten minutes, and all tests together may take longer."""
    return datetime.now(UTC)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "d-anne", "sid": "s1", "iat": now(), "nbf": now(),
            "exp": now() + timedelta(minutes=10), "jti": "j", **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(payload: dict[str, Any], *, key: Any = KEY.private, algorithm: str = "ES256", **headers: Any) -> str:
    header = {"typ": TYPE, "kid": KEY.key_id, **headers}
    return jwt.encode(payload, key, algorithm=algorithm, headers={k: v for k, v in header.items() if v is not None})


def by_hand(header: dict[str, Any], payload: dict[str, Any], signature: bytes) -> str:
    body = {k: int(v.timestamp()) if isinstance(v, datetime) else v for k, v in payload.items()}
    return ".".join((b64(json.dumps(header).encode()), b64(json.dumps(body).encode()), b64(signature)))


def test_a_token_names_its_person_and_sign_in() -> None:
    """What was issued is accepted, with the person and the sign-in it was issued for."""
    began = now()
    token = TOKENS.issue("d-anne", "s1", began)
    assert TOKENS.check(token.token) == Bearer("d-anne", "s1")
    assert token.expires_at == began + timedelta(minutes=10)


def test_no_algorithm_is_no_signature() -> None:
    """`alg: none` in every spelling is refused."""
    for name in ("none", "None", "NONE", "nOnE"):
        with pytest.raises(TokenRefused):
            TOKENS.check(by_hand({"alg": name, "typ": TYPE, "kid": KEY.key_id}, claims(), b""))


def test_the_public_key_is_no_secret_of_an_hmac() -> None:
    """HS256 under our public key, in PEM or DER, is refused (the DSA-3293 class)."""
    for form, encoding in ((serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM),
                           (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER)):
        secret = KEY.public.public_bytes(encoding, form)
        unsigned = by_hand({"alg": "HS256", "typ": TYPE, "kid": KEY.key_id}, claims(), b"").rsplit(".", 1)[0]
        with pytest.raises(TokenRefused):
            TOKENS.check(f"{unsigned}.{b64(hmac.new(secret, unsigned.encode(), hashlib.sha256).digest())}")


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "https://evil.example/key", "", None, 7, ["a"]])
def test_a_key_is_found_in_the_map_or_not_at_all(kid: Any) -> None:
    """`kid` is a name in a map, never a path, a query or an address."""
    with pytest.raises(TokenRefused):
        TOKENS.check(by_hand({"alg": "ES256", "typ": TYPE, "kid": kid}, claims(), b"\x01" * 64))


@pytest.mark.parametrize("header", [
    {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/chain"}, {"jwk": {"kty": "EC"}},
    {"x5c": ["AAAA"]}, {"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF"}])
def test_a_header_that_brings_its_own_key_or_rules_is_refused(header: dict[str, Any]) -> None:
    """Well signed or not: nothing but `alg`, `typ` and `kid` is understood."""
    def encode() -> str:
        return signed(claims(), **header)

    try:
        token = encode()
    except (jwt.PyJWTError, NotImplementedError, ValueError, TypeError):
        token = by_hand({"alg": "ES256", "typ": TYPE, "kid": KEY.key_id, **header}, claims(), b"\x01" * 64)
    with pytest.raises(TokenRefused):
        TOKENS.check(token)


@pytest.mark.parametrize("changes", [
    {"aud": "another"}, {"aud": None}, {"aud": [AUDIENCE, "another"]}, {"iss": "another"}, {"iss": None},
    {"exp": None}, {"iat": None}, {"nbf": None}, {"jti": None}, {"sub": None}, {"sid": None}, {"sid": 7},
    {"sub": {"a": 1}}, {"nbf": now() + timedelta(hours=10)}, {"iat": now() + timedelta(hours=10)}, {"exp": "soon"}])
def test_every_claim_is_needed_and_checked(changes: dict[str, Any]) -> None:
    """A well-signed token with a missing, foreign or future claim is refused."""
    with pytest.raises(TokenRefused):
        TOKENS.check(by_hand_signed(claims(**changes)))


def by_hand_signed(payload: dict[str, Any]) -> str:
    unsigned = by_hand({"alg": "ES256", "typ": TYPE, "kid": KEY.key_id}, payload, b"").rsplit(".", 1)[0]
    return f"{unsigned}.{b64(KEY.sign(unsigned.encode()))}"


def test_an_old_token_says_that_it_is_old() -> None:
    """A page that fetched its token too long ago is told to fetch another; the clock may be a minute off."""
    with pytest.raises(TokenRefused) as refused:
        TOKENS.check(signed(claims(exp=now() - timedelta(seconds=90))))
    assert refused.value.code == "token.expired"
    TOKENS.check(signed(claims(exp=now() - timedelta(seconds=20))))


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "passerelle-prescription+jwt", None])
def test_a_token_of_another_kind_is_refused(kind: str | None) -> None:
    """`typ` keeps a token made for something else from opening a socket (RFC 8725, section 3.11)."""
    with pytest.raises(TokenRefused):
        TOKENS.check(signed(claims(), typ=kind))


def test_another_key_under_our_name_is_refused() -> None:
    """The signature is checked with our key, whatever the header says."""
    with pytest.raises(TokenRefused):
        TOKENS.check(signed(claims(), key=ec.generate_private_key(ec.SECP256R1())))


def test_a_longer_curve_is_not_es256() -> None:
    """ES384 under a P-384 key, and ES512, are not in the list."""
    for curve, algorithm in ((ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")):
        with pytest.raises(TokenRefused):
            TOKENS.check(signed(claims(), key=ec.generate_private_key(curve), algorithm=algorithm))


def test_a_der_signature_or_zeros_are_no_signature() -> None:
    """Only raw r||s counts; r = s = 0 (CVE-2022-21449) does not."""
    unsigned = by_hand({"alg": "ES256", "typ": TYPE, "kid": KEY.key_id}, claims(), b"").rsplit(".", 1)[0]
    der = KEY.private.sign(unsigned.encode(), ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(der)
    for signature in (der, bytes(64), b""):
        with pytest.raises(TokenRefused):
            TOKENS.check(f"{unsigned}.{b64(signature)}")


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "x" * 4096, "{}", "\x00", "....."])
def test_what_is_no_token_is_refused(text: str) -> None:
    """No text makes anything but a refusal."""
    with pytest.raises(TokenRefused):
        TOKENS.check(text)


def test_every_changed_character_breaks_a_token() -> None:
    """One character changed anywhere in header or claims breaks it."""
    token = TOKENS.issue("d-anne", "s1", now()).token
    signature_at = token.rindex(".")
    for place in range(0, signature_at, 7):
        if token[place] == ".":
            continue
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1:]
        with pytest.raises(TokenRefused):
            TOKENS.check(changed)


def test_an_earlier_key_is_accepted_by_its_name() -> None:
    """After a rotation tokens under the key before still hold for their ten minutes."""
    newer = named(ec.generate_private_key(ec.SECP256R1()))
    rotated = Tokens(newer, {KEY.key_id: KEY.public})
    assert rotated.check(TOKENS.issue("d-anne", "s1", now()).token).account_id == "d-anne"
    with pytest.raises(TokenRefused):
        TOKENS.check(rotated.issue("d-anne", "s1", now()).token)
