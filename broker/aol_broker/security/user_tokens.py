"""Whose is a user's token? What the claims of a JSON Web Token say of tenant, user, teams, roles and attributes."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aol_broker.identities.configured import issuer_keys
from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.identities.json_web_tokens import (
    JwtRules,
    RefusedTokenError,
    claimed_issuer,
    is_jwt,
    verified_claims,
)
from aol_broker.security.context import Context, make_context
from aol_broker.verifier_settings import UserTokenSettings
from aol_wire.errors import Applied, DataError, Reason

# Of the tokens of one issuer, so many are not verified anew with each call.
KEPT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class _Verified:
    context: Context
    until_s: float
    generation: int


class UserTokenVerifier:
    """Tells users by the tokens of one issuer."""

    def __init__(self, settings: UserTokenSettings, keys: IssuerKeys, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self.issuer = settings.issuer
        self.keys = keys
        self._settings = settings
        self._rules = JwtRules(settings.issuer, settings.audience, settings.leeway_s, settings.require_expiry)
        self._clock = clock
        self._kept: dict[bytes, _Verified] = {}

    async def context_of(self, token: str) -> Context:
        """Return on whose behalf a call with this token is made.

        :raises DataError: BAD_CREDENTIALS, IDENTITY_UNAVAILABLE.
        """
        digest = hashlib.sha256(token.encode()).digest()
        kept = self._kept.get(digest)
        if kept is not None and kept.generation == self.keys.generation and self._clock() < kept.until_s:
            return kept.context
        self._kept.pop(digest, None)
        claims = await verified_claims(token, self._rules, self.keys)
        context = self._of(claims)
        if len(self._kept) >= KEPT_TOKENS:
            del self._kept[next(iter(self._kept))]
        until_s = float(claims["exp"]) + self._rules.leeway_s if "exp" in claims else float("inf")
        self._kept[digest] = _Verified(context, until_s, self.keys.generation)
        return context

    def _of(self, claims: Mapping[str, Any]) -> Context:
        said = self._settings
        attributes = {name: claims.get(claim) for name, claim in said.attributes.items()}
        try:
            return make_context(
                _one(claims, said.tenant_claim),
                _one(claims, said.user_claim),
                _several(claims, said.teams_claim),
                _several(claims, said.roles_claim),
                {name: value for name, value in attributes.items() if value is not None},
            )
        except RefusedTokenError:
            raise
        except DataError as error:
            # Named by where it would stand in a context: claims have names of the issuer's own.
            raise RefusedTokenError(f"says what no context can: {error.message}") from None


class ConfiguredUserTokens:
    """The issuers whose users' tokens a broker verifies."""

    def __init__(self, verifiers: Sequence[UserTokenVerifier]) -> None:
        self._verifiers = {verifier.issuer: verifier for verifier in verifiers}

    async def context_of(self, token: str) -> Context:
        """Return on whose behalf a call with this token is made.

        :raises DataError: BAD_CREDENTIALS, IDENTITY_UNAVAILABLE.
        """
        try:
            return await self._verifier_of(token).context_of(token)
        except RefusedTokenError as error:
            raise DataError(
                Reason.BAD_CREDENTIALS,
                f"The user's token in the security context {error.why}. Get a new one from its issuer.",
                applied=Applied.NO,
            ) from None

    async def open(self) -> None:
        """Read the issuers' keys for the first time; what cannot be read is tried again later."""
        await asyncio.gather(*(verifier.keys.read() for verifier in self._verifiers.values()))

    async def follow(self) -> None:
        """Keep the issuers' keys up to date, for as long as this runs."""
        await asyncio.gather(*(verifier.keys.follow() for verifier in self._verifiers.values()))

    def _verifier_of(self, token: str) -> UserTokenVerifier:
        if not is_jwt(token):
            raise RefusedTokenError("is no JSON Web Token")
        verifier = self._verifiers.get(claimed_issuer(token) or "")
        if verifier is None:
            raise RefusedTokenError("is of another issuer than those that are believed here")
        return verifier


def configured_user_tokens(settings: Sequence[UserTokenSettings]) -> ConfiguredUserTokens | None:
    """Return what verifies users' tokens; None where nothing is configured. The issuers' keys are not read yet.

    :raises KeySourceError: a file of authorities cannot be read.
    """
    if not settings:
        return None
    return ConfiguredUserTokens([UserTokenVerifier(item, issuer_keys(item)) for item in settings])


def _one(claims: Mapping[str, Any], claim: str | None) -> str:
    value = claims.get(claim) if claim is not None else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedTokenError(f"has a claim {claim} that is no text")
    return value


def _several(claims: Mapping[str, Any], claim: str | None) -> list[str]:
    value = claims.get(claim) if claim is not None else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RefusedTokenError(f"has a claim {claim} that is no list of texts")
    return value
