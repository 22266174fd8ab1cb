"""By what is a caller believed? What can be configured in `authentication.verifiers`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aol_broker.identities.name_templates import NameTemplate
from aol_broker.security.context import OWN_NAMES, is_name
from aol_wire.loopback import is_loopback
from aol_wire.names import SERVICE

_NAME_MAX_CHARACTERS = 255


class _Verifier(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class InsecureSettings(_Verifier):
    """The service name that a caller gives is trusted."""

    type: Literal["insecure"]


class TokenSettings(_Verifier):
    """Opaque tokens that this broker, or another one of its registry, has minted."""

    type: Literal["token"]


class CertificateSettings(_Verifier):
    """Client certificates that TLS has verified, by the URIs and DNS names in them."""

    type: Literal["mtls"]
    services: dict[str, str] = Field(default_factory=dict, description="Services by a URI or DNS name, in full.")
    uri: str | None = Field(default=None, description="A URI with {service} where the service's name stands.")
    dns: str | None = Field(default=None, description="A DNS name with {service} where the service's name stands.")
    operators: tuple[str, ...] = Field(default=(), description="URIs and DNS names of operators, in full.")

    @field_validator("services")
    @classmethod
    def _are_services(cls, services: dict[str, str]) -> dict[str, str]:
        if not all(SERVICE.fullmatch(name) for name in services.values()):
            raise ValueError("a service name is a lower-case letter followed by at most 62 of a-z, 0-9 and '-'")
        return services

    @field_validator("uri", "dns")
    @classmethod
    def _is_template(cls, text: str | None) -> str | None:
        return None if text is None else NameTemplate(text).text

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        if not (self.services or self.uri or self.dns or self.operators):
            raise ValueError("says of no certificate whose it is: it needs services, uri, dns or operators")
        names = [*self.services, *self.operators]
        if not all(0 < len(name) <= _NAME_MAX_CHARACTERS and name.isascii() and name.isprintable() for name in names):
            raise ValueError(f"a name is 1 to {_NAME_MAX_CHARACTERS} printable ASCII characters")
        if set(self.services) & set(self.operators):
            raise ValueError("a name stands under services and under operators: it can be only one of them")
        return self


class OperatorClaim(_Verifier):
    """What makes the holder of a JWT an operator."""

    claim: str = Field(min_length=1, description="The claim, for example groups.")
    value: str = Field(min_length=1, description="What the claim is, or what is in it if it is a list.")


class IssuerSettings(_Verifier):
    """Who signs JSON Web Tokens (RS256 to RS512, ES256 to ES512, EdDSA), and which of them are believed."""

    issuer: str = Field(min_length=1, description="What the claim iss has to be.")
    audience: str = Field(min_length=1, description="What the claim aud has to be, or has to hold.")
    jwks_file: Path | None = Field(default=None, description="A file with the issuer's keys, a JWK set.")
    jwks_url: str | None = Field(default=None, description="Where the issuer's keys are, an https URL of a JWK set.")
    ca_file: Path | None = Field(
        default=None, description="PEM of the authorities that vouch for that URL; the system's when not given."
    )
    loopback_http: bool = Field(default=False, description="For tests: let jwks_url be http on a loopback address.")
    refresh_s: float = Field(default=300.0, ge=1, le=86400, description="How often the keys are read again.")
    leeway_s: float = Field(default=30.0, ge=0, le=300, description="How far clocks may differ, for exp, nbf and iat.")
    require_expiry: bool = Field(default=True, description="Refuse tokens that do not expire.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("needs either jwks_file or jwks_url")
        if self.ca_file is not None and self.jwks_url is None:
            raise ValueError("ca_file goes with jwks_url")
        if self.jwks_url is not None and not _may_be_asked(self.jwks_url, loopback_http=self.loopback_http):
            raise ValueError("jwks_url is https://host/…, without a user or password in it")
        return self


class JwtSettings(IssuerSettings):
    """JSON Web Tokens that an issuer has signed."""

    type: Literal["jwt"]
    service_claim: str = Field(default="sub", min_length=1, description="The claim that names the service.")
    service: str | None = Field(
        default=None, description="What that claim looks like, with {service} where the service's name stands."
    )
    operators: OperatorClaim | None = Field(default=None, description="What makes an operator; nobody when not given.")

    @field_validator("service")
    @classmethod
    def _is_template(cls, text: str | None) -> str | None:
        return None if text is None else NameTemplate(text).text


class UserTokenSettings(IssuerSettings):
    """Tokens of end users, which services hand on: a token says on whose behalf a call is made.

    Their audience is not that of services' tokens, so that neither can stand for the other.
    """

    tenant_claim: str | None = Field(default=None, min_length=1, description="The claim that names the tenant.")
    user_claim: str = Field(default="sub", min_length=1, description="The claim that names the user.")
    teams_claim: str | None = Field(default=None, min_length=1, description="The claim that lists the user's teams.")
    roles_claim: str | None = Field(default=None, min_length=1, description="The claim that lists the user's roles.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Further attributes, and the claim that each is taken from."
    )

    @field_validator("attributes")
    @classmethod
    def _are_attributes(cls, attributes: dict[str, str]) -> dict[str, str]:
        if not all(is_name(name) and name not in OWN_NAMES and claim for name, claim in attributes.items()):
            raise ValueError("maps names of attributes, other than tenant, user, teams and roles, to names of claims")
        return attributes


VerifierSettings = Annotated[
    CertificateSettings | JwtSettings | TokenSettings | InsecureSettings, Field(discriminator="type")
]


def check_verifiers(verifiers: Sequence[VerifierSettings]) -> None:
    """Return if it is clear which verifier a credential is for.

    :raises ValueError: it is not.
    """
    kinds = Counter(verifier.type for verifier in verifiers if not isinstance(verifier, JwtSettings))
    if any(count > 1 for count in kinds.values()):
        raise ValueError("holds two verifiers of one type; only jwt can be there several times")
    issuers = [verifier.issuer for verifier in verifiers if isinstance(verifier, JwtSettings)]
    if len(set(issuers)) < len(issuers):
        raise ValueError("holds two verifiers of type jwt with the same issuer, by which it is told whose a token is")


def check_user_tokens(user_tokens: Sequence[UserTokenSettings], verifiers: Sequence[VerifierSettings]) -> None:
    """Return if it is clear which issuer a user's token is of, and no service's token is one.

    :raises ValueError: it is not.
    """
    issuers = [item.issuer for item in user_tokens]
    if len(set(issuers)) < len(issuers):
        raise ValueError("security.user_tokens holds two entries with the same issuer, by which tokens are told apart")
    of_services = {(item.issuer, item.audience) for item in verifiers if isinstance(item, JwtSettings)}
    if any((item.issuer, item.audience) in of_services for item in user_tokens):
        raise ValueError(
            "an entry of security.user_tokens has the issuer and the audience of a verifier of services, so that a "
            "service's token would pass for a user's: have the issuer give users' tokens another audience"
        )


def _may_be_asked(url: str, *, loopback_http: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, secure = parts.hostname, parts.scheme == "https"
        parts.port  # noqa: B018 - raises if it is none
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or not url.isprintable() or " " in url:
        return False
    return secure or (parts.scheme == "http" and loopback_http and is_loopback(host))
