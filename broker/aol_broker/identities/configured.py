"""Which verifiers does a configuration ask for?"""

from aol_broker.identities.certificates import CertificateVerifier
from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.identities.jwt_principals import JwtVerifier
from aol_broker.identities.key_sources import ReadKeys, from_file, from_url
from aol_broker.identities.opaque_tokens import OpaqueTokens
from aol_broker.identities.routing import Identities
from aol_broker.registry.store import Registry
from aol_broker.verifier_settings import (
    CertificateSettings,
    InsecureSettings,
    IssuerSettings,
    JwtSettings,
    TokenSettings,
    VerifierSettings,
)


def configured_identities(
    verifiers: tuple[VerifierSettings, ...], operator_token: str, registry: Registry
) -> Identities:
    """Return who is believed; the issuers' keys are not read yet.

    :raises KeySourceError: a file of authorities cannot be read.
    """
    certificates = [CertificateVerifier(item) for item in verifiers if isinstance(item, CertificateSettings)]
    return Identities(
        operator_token,
        certificates=certificates[0] if certificates else None,
        issuers=[JwtVerifier(item, issuer_keys(item)) for item in verifiers if isinstance(item, JwtSettings)],
        tokens=OpaqueTokens(registry) if any(isinstance(item, TokenSettings) for item in verifiers) else None,
        insecure=any(isinstance(item, InsecureSettings) for item in verifiers),
    )


def issuer_keys(settings: IssuerSettings) -> IssuerKeys:
    """Return the keys of a configured issuer, which are not read yet.

    :raises KeySourceError: a file of authorities cannot be read.
    """
    return IssuerKeys(settings.issuer, _source(settings), refresh_s=settings.refresh_s)


def _source(settings: IssuerSettings) -> ReadKeys:
    if settings.jwks_file is not None:
        return from_file(settings.jwks_file)
    assert settings.jwks_url is not None  # noqa: S101 - the settings have one of the two
    return from_url(settings.jwks_url, settings.ca_file)
