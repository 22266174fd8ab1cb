"""With which keys does an issuer sign? A JWK set (RFC 7517), and of it the keys that can verify a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

KEY_SET_MAX_BYTES = 1 << 20

_RSA_MIN_BITS = 2048
_RSA = ("RS256", "RS384", "RS512")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_EDWARDS = "EdDSA"
ALGORITHMS = frozenset({*_RSA, *_CURVES.values(), _EDWARDS})
"""Only those in which the holder of the verifying key cannot sign."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, and the algorithms in which it verifies: what a token says of itself does not choose others."""

    key: Any
    algorithms: tuple[str, ...]


def read_key_set(data: bytes) -> Mapping[str, VerifyingKey]:
    """Return the usable keys of a JWK set by their ids; a key without an id has the empty one.

    Keys of other kinds (symmetric, too short, for encryption) are left out, and so is a private one, which is not to be
    here. Of two keys with the same id the first counts.

    :raises ValueError: it is no JWK set, or holds no usable key. The text repeats nothing of it.
    """
    if len(data) > KEY_SET_MAX_BYTES:
        raise ValueError(f"it has more than {KEY_SET_MAX_BYTES:,} bytes")
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    members = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(members, list):
        raise ValueError("it is no JWK set: an object with a list named keys is needed")  # noqa: TRY004 - it is data
    keys: dict[str, VerifyingKey] = {}
    for member in members:
        key = _verifying(member) if isinstance(member, dict) else None
        name = member.get("kid", "") if key is not None else None
        if key is not None and isinstance(name, str):
            keys.setdefault(name, key)
    if not keys:
        raise ValueError(
            "it holds no key that can be used: public ones are needed, RSA of 2,048 bits or more, or on the curves "
            "P-256, P-384, P-521, Ed25519 or Ed448"
        )
    return keys


def _verifying(member: Mapping[str, Any]) -> VerifyingKey | None:
    if member.get("use", "sig") != "sig" or "d" in member or "k" in member:
        return None
    try:
        key = _public_key(member)
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    if key is None:
        return None
    algorithms = _algorithms(key)
    named = member.get("alg")
    if named is not None:
        algorithms = tuple(algorithm for algorithm in algorithms if algorithm == named)
    return VerifyingKey(key, algorithms) if algorithms else None


def _public_key(member: Mapping[str, Any]) -> Any:
    text = dict(member)
    match member.get("kty"):
        case "RSA":
            return RSAAlgorithm.from_jwk(text)
        case "EC":
            return ECAlgorithm.from_jwk(text)
        case "OKP":
            return OKPAlgorithm.from_jwk(text)
        case _:
            return None


def _algorithms(key: Any) -> tuple[str, ...]:
    if isinstance(key, RSAPublicKey):
        return _RSA if key.key_size >= _RSA_MIN_BITS else ()
    if isinstance(key, EllipticCurvePublicKey):
        algorithm = _CURVES.get(key.curve.name)
        return () if algorithm is None else (algorithm,)
    return (_EDWARDS,)
