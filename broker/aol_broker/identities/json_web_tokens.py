"""Is a JSON Web Token good, and what does it claim? Its issuer's keys and the claims of RFC 7519 decide."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.identities.key_sets import ALGORITHMS
from aol_wire.errors import DataError, Reason

TOKEN_MAX_CHARACTERS = 8192
_KEY_ID_MAX_CHARACTERS = 256
# As the compact serialization is written; the last part is empty where nothing is signed.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

_WRONG: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "has expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.InvalidAudienceError: "is for another audience than this broker",
    jwt.InvalidIssuerError: "is of another issuer than those that are believed here",
    jwt.InvalidSignatureError: "is not signed by its issuer",
}


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a token has to be. `leeway_s` is how far clocks may differ."""

    issuer: str
    audience: str
    leeway_s: float
    require_expiry: bool = True


def is_jwt(token: str) -> bool:
    """Whether a bearer token is a JSON Web Token, good or bad."""
    return _COMPACT.fullmatch(token) is not None


def claimed_issuer(token: str) -> str | None:
    """Return who a token says has issued it, which nobody has verified; None when it says nothing."""
    _, claims, _ = token.split(".")
    issuer = _part(claims, "claims").get("iss")
    return issuer if isinstance(issuer, str) else None


async def verified_claims(token: str, rules: JwtRules, keys: IssuerKeys) -> Mapping[str, Any]:
    """Return the claims of a good token.

    :raises DataError: BAD_CREDENTIALS, which repeats nothing of the token; IDENTITY_UNAVAILABLE.
    """
    if len(token) > TOKEN_MAX_CHARACTERS:
        raise refused(f"has more than {TOKEN_MAX_CHARACTERS:,} characters")
    algorithm, key_id = _signed_with(token)
    key = await keys.find(key_id)
    if key is None:
        raise refused("is signed with a key that its issuer does not have")
    if algorithm not in key.algorithms:
        raise refused("is signed in another way than its issuer's key is for")
    required = ["iss", "aud", *(["exp"] if rules.require_expiry else [])]
    try:
        return jwt.decode(
            token,
            key.key,
            algorithms=list(key.algorithms),
            issuer=rules.issuer,
            audience=rules.audience,
            leeway=rules.leeway_s,
            options={"require": required},
        )
    except jwt.PyJWTError as error:
        raise refused(_what_is_wrong(error)) from None
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        # What its issuer has signed, but no issuer should: times beyond any calendar, nesting without end.
        raise refused("has claims that cannot be read") from None


class RefusedTokenError(DataError):
    """A token is no good; `why` tells nothing of what is in it, and goes on a sentence that begins with the token."""

    def __init__(self, why: str) -> None:
        super().__init__(
            Reason.BAD_CREDENTIALS,
            f"The JSON Web Token in the 'authorization' header {why}. Get a new one from its issuer.",
        )
        self.why = why


def refused(why: str) -> RefusedTokenError:
    """Return the error for a token that is no good; `why` tells nothing of what is in it."""
    return RefusedTokenError(why)


def _signed_with(token: str) -> tuple[str, str | None]:
    """Return the algorithm and the key's id that a token's header names.

    What else could lead to a key (jwk, jku, x5c, x5u) is of no concern: only the issuer's own keys count.
    """
    header = _part(token.partition(".")[0], "header")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refused("is not signed, or in a way that is not let through: RS256, ES256, EdDSA and the like are")
    if "crit" in header:
        raise refused("needs extensions to be understood, of which there are none here")
    if key_id is not None and (not isinstance(key_id, str) or not 0 < len(key_id) <= _KEY_ID_MAX_CHARACTERS):
        raise refused("names no key that there could be")
    return algorithm, key_id


def _part(text: str, name: str) -> Mapping[str, Any]:
    try:
        part = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError):
        raise refused(f"has a {name} part that cannot be read") from None
    if not isinstance(part, dict):
        raise refused(f"has a {name} part that cannot be read")
    return part


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could each take another one of two members with the same name."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _what_is_wrong(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"lacks the claim {error.claim}"
    return next((text for kind, text in _WRONG.items() if isinstance(error, kind)), "is malformed")
