"""Whose is a JSON Web Token? What its claims say of a service or an operator; what was verified is kept for a while."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.identities.json_web_tokens import JwtRules, refused, verified_claims
from aol_broker.identities.name_templates import NameTemplate
from aol_broker.request import Principal, Verified
from aol_broker.verifier_settings import JwtSettings
from aol_wire.names import SERVICE

# Of the tokens of one issuer, so many are not verified anew with each call.
KEPT_TOKENS = 1024
_OPERATOR_NAME = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    until_s: float
    generation: int


class JwtVerifier:
    """Tells callers by the tokens of one issuer."""

    def __init__(self, settings: JwtSettings, keys: IssuerKeys, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self.issuer = settings.issuer
        self.keys = keys
        self.keys_in_file = settings.jwks_file is not None
        self._rules = JwtRules(settings.issuer, settings.audience, settings.leeway_s, settings.require_expiry)
        self._service_claim = settings.service_claim
        self._template = None if settings.service is None else NameTemplate(settings.service)
        self._operators = settings.operators
        self._clock = clock
        self._kept: dict[str, _Verified] = {}

    async def principal(self, token: str) -> Principal:
        """Return who shows a token.

        :raises DataError: BAD_CREDENTIALS, IDENTITY_UNAVAILABLE.
        """
        kept = self._kept.get(token)
        if kept is not None and kept.generation == self.keys.generation and self._clock() < kept.until_s:
            return kept.principal
        self._kept.pop(token, None)
        claims = await verified_claims(token, self._rules, self.keys)
        principal = self._of(claims)
        if len(self._kept) >= KEPT_TOKENS:
            del self._kept[next(iter(self._kept))]
        until_s = float(claims["exp"]) + self._rules.leeway_s if "exp" in claims else float("inf")
        self._kept[token] = _Verified(principal, until_s, self.keys.generation)
        return principal

    def _of(self, claims: Mapping[str, Any]) -> Principal:
        if self._is_operator(claims):
            name = claims.get("sub")
            if not isinstance(name, str) or _OPERATOR_NAME.fullmatch(name) is None:
                raise refused("is an operator's, but its claim sub does not name one: up to 128 characters, no blanks")
            return Principal("", is_operator=True, verified_by=Verified.JWT, operator=name)
        named = claims.get(self._service_claim)
        service = self._service(named) if isinstance(named, str) else None
        if service is None:
            raise refused(f"has no service's name in its claim {self._service_claim}")
        return Principal(service, verified_by=Verified.JWT)

    def _service(self, named: str) -> str | None:
        if self._template is not None:
            return self._template.service(named)
        return named if SERVICE.fullmatch(named) else None

    def _is_operator(self, claims: Mapping[str, Any]) -> bool:
        if self._operators is None:
            return False
        said = claims.get(self._operators.claim)
        return self._operators.value in said if isinstance(said, list) else said == self._operators.value
