"""Which verifier decides who calls? What the caller shows decides that, and what is no good is never passed over.

- A bearer token is the operators' shared one, or one that was minted (it begins with `aol_`), or a JSON Web Token (of
  the issuer that it names); anything else is refused.
- Without one, a certificate counts, if there is a verifier for certificates.
- With neither, the name that the caller gives is believed, where `insecure` says so.

With both, the token says who calls; a service's token goes with no other caller's certificate.
"""

import asyncio
import hmac
from collections.abc import Mapping, Sequence

from aol_broker.identities.certificates import CertificateVerifier
from aol_broker.identities.json_web_tokens import claimed_issuer, is_jwt, refused
from aol_broker.identities.jwt_principals import JwtVerifier
from aol_broker.identities.key_sources import KeySourceError
from aol_broker.identities.opaque_tokens import OpaqueTokens, is_opaque
from aol_broker.request import Peer, Principal, Verified
from aol_wire.errors import DataError, Reason
from aol_wire.metadata import SERVICE_HEADER
from aol_wire.names import SERVICE

_SCHEME = "bearer "
_BELIEVED_MAX = 4096


class Identities:
    """Says who calls. Operators' rights never rest on a name."""

    def __init__(
        self,
        operator_token: str,
        *,
        certificates: CertificateVerifier | None = None,
        issuers: Sequence[JwtVerifier] = (),
        tokens: OpaqueTokens | None = None,
        insecure: bool = False,
    ) -> None:
        """`operator_token` is the one that operators share; the rest is what the configuration has verifiers for."""
        self._operator_token = operator_token.encode()
        self._certificates = certificates
        self._issuers: Mapping[str, JwtVerifier] = {verifier.issuer: verifier for verifier in issuers}
        self._tokens = tokens
        self._insecure = insecure
        self._believed: dict[str, Principal] = {}

    async def identify(self, peer: Peer) -> Principal:
        """Return the principal behind a peer.

        :raises DataError: NO_CREDENTIALS when the peer shows nothing; BAD_CREDENTIALS when what it shows is no good;
            IDENTITY_UNAVAILABLE, REGISTRY_UNAVAILABLE when that cannot be told now.
        """
        if peer.authorization:
            return await self._by_bearer(peer)
        if self._certificates is not None and peer.certificate_names:
            return _in_the_name(peer, self._by_certificate(self._certificates, peer))
        if self._insecure and peer.service:
            return self._believed.get(peer.service) or self._believe(peer.service)
        raise self._nothing_shown()

    async def open(self) -> None:
        """Read the issuers' keys. An issuer that cannot be reached is asked again later.

        :raises KeySourceError: a file of keys cannot be read, or holds none.
        """
        await asyncio.gather(*(verifier.keys.read() for verifier in self._issuers.values()))
        for verifier in self._issuers.values():
            if verifier.keys_in_file and verifier.keys.failure:
                raise KeySourceError(f"the keys of {verifier.issuer} in jwks_file: {verifier.keys.failure}")

    async def follow(self) -> None:
        """Keep the issuers' keys up to date, for as long as this runs."""
        await asyncio.gather(*(verifier.keys.follow() for verifier in self._issuers.values()))

    async def _by_bearer(self, peer: Peer) -> Principal:
        scheme, token = peer.authorization[: len(_SCHEME)], peer.authorization[len(_SCHEME) :]
        if scheme.lower() != _SCHEME:
            raise DataError(
                Reason.BAD_CREDENTIALS, "The 'authorization' header holds no bearer token: it is 'Bearer <token>'."
            )
        principal = await self._of_token(token, peer.revision)
        if self._certificates is not None and peer.certificate_names and not principal.is_operator:
            owner = self._certificates.principal(peer.certificate_names)
            if owner is not None and owner.name != principal.name:
                raise DataError(
                    Reason.BAD_CREDENTIALS,
                    f"The token is {principal.name}'s, and the client certificate {owner.name}'s. Use those of one.",
                )
        return _in_the_name(peer, principal)

    async def _of_token(self, token: str, revision: int) -> Principal:
        # Compared in a time that tells nothing; any text may come in a header, lone surrogates too.
        if hmac.compare_digest(token.encode(errors="surrogatepass"), self._operator_token):
            return Principal("", is_operator=True, verified_by=Verified.TOKEN)
        if is_opaque(token):
            if self._tokens is None:
                raise _no_verifier("token")
            return await self._tokens.principal(token, revision)
        if is_jwt(token):
            return await self._issuer_of(token).principal(token)
        raise DataError(
            Reason.BAD_CREDENTIALS,
            "The token in the 'authorization' header is not this broker's operator token (which is in the file "
            "operator.token of the broker's data folder), and no other kind of token either. It is sent as 'Bearer "
            "<token>'.",
        )

    def _issuer_of(self, token: str) -> JwtVerifier:
        if not self._issuers:
            raise _no_verifier("jwt")
        if len(self._issuers) == 1:
            return next(iter(self._issuers.values()))
        verifier = self._issuers.get(claimed_issuer(token) or "")
        if verifier is None:
            raise refused("is of another issuer than those that are believed here")
        return verifier

    def _by_certificate(self, certificates: CertificateVerifier, peer: Peer) -> Principal:
        principal = certificates.principal(peer.certificate_names)
        if principal is None:
            raise DataError(
                Reason.BAD_CREDENTIALS,
                "The client certificate is that of no service and no operator: none of the URIs and DNS names in it is "
                "known to the verifier of type mtls in the broker's configuration.",
            )
        return principal

    def _believe(self, service: str) -> Principal:
        _check_name(service)
        if len(self._believed) >= _BELIEVED_MAX:
            self._believed.clear()
        principal = self._believed[service] = Principal(service)
        return principal

    def _nothing_shown(self) -> DataError:
        if self._insecure:
            return DataError(
                Reason.NO_CREDENTIALS,
                f"The call does not say which service it comes from: set the request header '{SERVICE_HEADER}' "
                "(AOLDataClient does it by itself).",
            )
        ways = []
        if self._tokens is not None:
            ways.append("a token ('authorization: Bearer <token>') that `aol token create` minted")
        if self._issuers:
            ways.append("a JSON Web Token ('authorization: Bearer <token>')")
        if self._certificates is not None:
            ways.append("a client certificate")
        return DataError(
            Reason.NO_CREDENTIALS,
            f"The call does not show who makes it, and a name alone is not believed. It needs {' or '.join(ways)}.",
        )


def _in_the_name(peer: Peer, principal: Principal) -> Principal:
    """Return the principal of a call. A service is who it was verified to be; an operator may act for one.

    :raises DataError: BAD_CREDENTIALS, the peer calls itself something else.
    """
    named = peer.service
    if not named or named == principal.service:
        return principal
    _check_name(named)
    if principal.is_operator:
        return Principal(named, is_operator=True, verified_by=principal.verified_by, operator=principal.operator)
    raise DataError(
        Reason.BAD_CREDENTIALS,
        f"The caller was verified to be the service {principal.service}, and calls itself {named} (the header "
        f"'{SERVICE_HEADER}', which the SDK makes of `service_name`). Use {principal.service}, or {named}'s own "
        "credentials.",
    )


def _check_name(name: str) -> None:
    if SERVICE.fullmatch(name) is None:
        raise DataError(
            Reason.BAD_CREDENTIALS,
            f"The service name in the '{SERVICE_HEADER}' header is not one: a lower-case letter followed by at "
            "most 62 of a-z, 0-9 and '-'.",
        )


def _no_verifier(kind: str) -> DataError:
    return DataError(
        Reason.BAD_CREDENTIALS,
        f"This broker believes no token of this kind: its configuration has no verifier of type {kind}.",
    )
