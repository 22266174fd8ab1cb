"""What can be configured in each section of `broker.yaml`?"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from aol_broker.manifest.storage import retention_s
from aol_broker.tls_settings import AdapterTlsSettings
from aol_broker.verifier_settings import InsecureSettings, UserTokenSettings, VerifierSettings, check_verifiers
from aol_wire.limits import BATCH_MAX_DOCUMENTS, PAGE_MAX_DOCUMENTS
from aol_wire.names import SERVICE

OPERATOR_TOKEN_MIN_CHARS = 16

# A password where SQLAlchemy would find one in a URL, or where it would hand one on to the driver.
_PASSWORD_IN_URL = re.compile(r"://[^:/]*:[^@]*@|[?&]password=")
_POSTGRESQL = "postgresql+asyncpg://"
_HEADER = re.compile(r"[a-z0-9_.-]+")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AdapterSettings(_Section):
    """A database adapter: a program that the broker runs (`command`), or one that runs already (`address`)."""

    command: tuple[str, ...] | None = Field(default=None, min_length=1, description="Program and arguments to run.")
    address: str | None = Field(default=None, min_length=1, description="Where it listens: host:port or unix:/path.")
    environment: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="Variables for the program, on top of the broker's own; ${NAME} takes the broker's variable NAME.",
    )

    tls: AdapterTlsSettings | None = Field(default=None, description="Required for an address over TCP.")
    insecure: bool = Field(
        default=False, description="Speak to an address over TCP without TLS: whoever reaches it can use the database."
    )

    @field_validator("environment")
    @classmethod
    def _fill_in(cls, environment: dict[str, str]) -> dict[str, str]:
        return {name: _interpolated(text) for name, text in environment.items()}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.address is None):
            raise ValueError("needs either a command or an address")
        if self.address is not None and self.environment:
            raise ValueError("environment goes with a command: a program at an address has its own")
        over_tcp = self.address is not None and not self.address.startswith("unix:")
        if not over_tcp and (self.tls is not None or self.insecure):
            raise ValueError(
                "tls and insecure go with an address host:port; sockets are in a folder of the broker's own"
            )
        if over_tcp and (self.tls is None) is not self.insecure:
            raise ValueError(
                "an address over TCP needs tls (ca_file, certificate_file, key_file), or else insecure: true, where "
                "nobody else can reach the address"
            )
        return self


class RegistrySettings(_Section):
    """Where services, collections and grants are kept."""

    url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL, sqlite+aiosqlite:///file or postgresql+asyncpg://…; "
        "registry.db in the data directory when not given.",
    )
    password_file: Path | None = Field(
        default=None, description="A file that holds the password, in place of one in the URL; PostgreSQL only."
    )

    @field_validator("url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        known = ("sqlite+aiosqlite://", _POSTGRESQL)
        if url is not None and not url.get_secret_value().startswith(known):
            raise ValueError(f"starts with {' or '.join(known)}")
        return url

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file is None:
            return self
        url = self.url.get_secret_value() if self.url is not None else ""
        if not url.startswith(_POSTGRESQL):
            raise ValueError(f"password_file goes with a url that starts with {_POSTGRESQL}")
        if _PASSWORD_IN_URL.search(url):
            raise ValueError("the url holds a password, and password_file names another one: leave one of them out")
        return self


class AnchorSettings(_Section):
    """A second place for the checkpoints of the audit log: a `file`, a `command` or a `sink`; or none."""

    file: Path | None = Field(default=None, description="A file to which they are appended.")
    command: tuple[str, ...] | None = Field(
        default=None, min_length=1, repr=False, description="Program and arguments; it gets each on standard input."
    )
    sink: str | None = Field(default=None, min_length=1, description="The name of an audit sink.")
    every_s: float = Field(default=60.0, ge=1, le=86400, description="How often the open segment gets one, if it grew.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.file, self.command, self.sink)) > 1:
            raise ValueError("takes one of file, command and sink")
        return self


class _SinkSettings(_Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="What the log and `aol audit status` call it.")
    timeout_s: float = Field(default=10.0, gt=0, le=300, description="How long one delivery may take.")


class StdoutSinkSettings(_SinkSettings):
    """Audit records as JSON lines on standard output."""

    type: Literal["stdout"]


class PostgresSinkSettings(_SinkSettings):
    """Audit records in a table of PostgreSQL."""

    type: Literal["postgres"]
    url: SecretStr = Field(description="postgresql://user@host/database; ${NAME} takes the broker's variable NAME.")
    password_file: Path | None = Field(
        default=None, description="A file that holds the password, in place of one in the URL."
    )
    table: str = Field(
        default="public.aol_audit",
        # With what is added for the day of a partition, a name has at most 63 characters.
        pattern=r"^[a-z_][a-z0-9_]{0,47}\.[a-z_][a-z0-9_]{0,47}$",
        description="schema.table; made when it is not there.",
    )

    @field_validator("url")
    @classmethod
    def _postgresql(cls, url: SecretStr) -> SecretStr:
        text = _interpolated(url.get_secret_value())
        if not text.startswith(("postgresql://", "postgres://")):
            raise ValueError("starts with postgresql://")
        return SecretStr(text)

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file is not None and _PASSWORD_IN_URL.search(self.url.get_secret_value()):
            raise ValueError("the url holds a password, and password_file names another one: leave one of them out")
        return self


class OtlpSinkSettings(_SinkSettings):
    """Audit records as OpenTelemetry logs, by OTLP over gRPC."""

    type: Literal["otlp"]
    endpoint: str = Field(
        pattern=r"^https?://[^\s/@?#]+:\d{1,5}/?$", description="https://host:port, or http://host:port without TLS."
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Sent with each request; ${NAME} takes the broker's variable NAME."
    )
    header_files: dict[str, Path] = Field(
        default_factory=dict, description="Headers whose values are secrets: files that hold them."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM of the authorities that vouch for the collector; the system's when not given."
    )

    @field_validator("headers")
    @classmethod
    def _fill_in(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        filled = {name: _interpolated(value.get_secret_value()) for name, value in headers.items()}
        if not all(value.isascii() and value.isprintable() for value in filled.values()):
            raise ValueError("a header's value is printable ASCII")
        return {name: SecretStr(value) for name, value in filled.items()}

    @model_validator(mode="after")
    def _headers_and_tls(self) -> Self:
        names = [*self.headers, *self.header_files]
        if not all(_HEADER.fullmatch(name) and not name.startswith("grpc-") for name in names):
            raise ValueError("a header's name is of a-z, 0-9, '-', '_' and '.', and does not begin with grpc-")
        if len(set(names)) < len(names):
            raise ValueError("a header is in headers and in header_files: leave one of them out")
        if self.ca_file is not None and not self.endpoint.startswith("https://"):
            raise ValueError("ca_file goes with an endpoint that starts with https://")
        return self


SinkSettings = Annotated[StdoutSinkSettings | PostgresSinkSettings | OtlpSinkSettings, Field(discriminator="type")]


class AuditSettings(_Section):
    """Where audit records are written."""

    anchor: AnchorSettings = AnchorSettings()
    directory: Path | None = Field(default=None, description="`audit` in the data directory when not given.")
    durability: Literal["fsync", "os"] = Field(
        default="fsync",
        description="When a record counts as written: fsync = once the disk has it; os = once the system has it.",
    )
    key_file: Path | None = Field(
        default=None, description="The Ed25519 key (PEM) that signs segments; made in the data directory if not given."
    )
    max_file_bytes: int = Field(default=64 << 20, ge=4096, description="A segment that is this large is closed.")
    reserve_bytes: int = Field(
        default=1 << 20, ge=0, le=1 << 30, description="Disk space kept for the last records when the disk is full."
    )
    retain_bytes: int = Field(
        default=4 << 30,
        ge=0,
        description="Beyond so many bytes in files the oldest closed ones are removed; 0 is no limit.",
    )
    retain_for: str | None = Field(
        default=None,
        description="How long records are kept: days or hours, as 90d or 36h; no limit when not given.",
    )
    sinks: tuple[SinkSettings, ...] = Field(default=(), description="Where records go besides.")

    @field_validator("sinks")
    @classmethod
    def _apart(cls, sinks: tuple[SinkSettings, ...]) -> tuple[SinkSettings, ...]:
        names = [sink.name for sink in sinks]
        if len(set(names)) < len(names):
            raise ValueError("two sinks have the same name, by which their places in the records are kept")
        if sum(sink.type == "stdout" for sink in sinks) > 1:
            raise ValueError("there is one standard output, for one sink of type stdout")
        return sinks

    @model_validator(mode="after")
    def _anchor_is_there(self) -> Self:
        if self.anchor.sink is not None and self.anchor.sink not in {sink.name for sink in self.sinks}:
            raise ValueError("anchor.sink is the name of none of the sinks")
        return self

    @field_validator("retain_for")
    @classmethod
    def _days_or_hours(cls, text: str | None) -> str | None:
        if text is not None:
            retention_s(text)
        return text

    @property
    def retain_for_s(self) -> int | None:
        """How long records are kept, in seconds; None for no limit."""
        return None if self.retain_for is None else retention_s(self.retain_for)


class SecuritySettings(_Section):
    """Record-level security."""

    user_tokens: tuple[UserTokenSettings, ...] = Field(
        default=(), description="Whose tokens of end users are believed; nobody's when not given."
    )


class UsageSettings(_Section):
    """How long it is kept who used what."""

    flush_every_s: float = Field(
        default=10.0, gt=0, le=3600, description="How often counts go to the registry; a kill loses those since."
    )
    keep_hours_for: str = Field(
        default="7d", description="How long counts are kept by the hour, as 7d or 36h; then by the day (UTC)."
    )
    keep_for: str = Field(default="90d", description="How long counts are kept at all, as 90d or 36h.")

    @field_validator("keep_hours_for", "keep_for")
    @classmethod
    def _days_or_hours(cls, text: str) -> str:
        retention_s(text)
        return text

    @property
    def keep_hours_for_s(self) -> int:
        """How long counts are kept by the hour, in seconds."""
        return retention_s(self.keep_hours_for)

    @property
    def keep_for_s(self) -> int:
        """How long counts are kept, in seconds."""
        return retention_s(self.keep_for)


class AuthenticationSettings(_Section):
    """Who is believed."""

    verifiers: tuple[VerifierSettings, ...] = Field(default=(), description="By what callers are believed; required.")
    insecure_remote: bool = Field(
        default=False,
        description="Listen beyond loopback although the names that callers give are believed without proof.",
    )
    operator_token: SecretStr | None = Field(default=None, description="What operators present.")
    operator_token_file: Path | None = Field(default=None, description="A file that holds the operators' token.")

    @property
    def insecure(self) -> bool:
        """Whether the names that callers give are believed."""
        return any(isinstance(verifier, InsecureSettings) for verifier in self.verifiers)

    @field_validator("verifiers")
    @classmethod
    def _apart(cls, verifiers: tuple[VerifierSettings, ...]) -> tuple[VerifierSettings, ...]:
        check_verifiers(verifiers)
        return verifiers

    @field_validator("operator_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value().strip()) < OPERATOR_TOKEN_MIN_CHARS:
            raise ValueError(f"needs at least {OPERATOR_TOKEN_MIN_CHARS} characters")
        return token

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.operator_token is not None and self.operator_token_file is not None:
            raise ValueError("operator_token and operator_token_file exclude each other")
        return self


class ServiceLimitSettings(_Section):
    """What calls of one service may take; what is not set has no limit."""

    requests_per_s: float | None = Field(default=None, gt=0, le=1e6, description="Calls a second.")
    requests_burst: int | None = Field(default=None, ge=1, description="Calls at once; a second's when not given.")
    bytes_per_s: float | None = Field(default=None, gt=0, le=1e12, description="Bytes of calls and answers a second.")
    bytes_burst: int | None = Field(default=None, ge=1, description="Bytes at once; a second's worth when not given.")
    max_in_flight: int | None = Field(default=None, ge=1, description="Calls under way; more are refused.")
    max_batch_documents: int | None = Field(
        default=None, ge=1, le=BATCH_MAX_DOCUMENTS, description="Documents in one batch; a larger one is refused."
    )
    max_page_documents: int | None = Field(
        default=None, ge=1, le=PAGE_MAX_DOCUMENTS, description="Documents in one page; a larger one is made smaller."
    )
    max_deadline_s: float | None = Field(
        default=None, gt=0, le=3600, description="The longest time of a call; one that asks for more gets this."
    )


class LimitSettings(_Section):
    """What calls may take."""

    max_deadline_s: float = Field(default=30.0, gt=0, le=3600, description="The longest time a call may ask for.")
    default_deadline_s: float = Field(default=10.0, gt=0, le=3600, description="The time of a call that asks for none.")
    max_in_flight: int = Field(default=1024, ge=1, description="Calls at once; more are refused as OVERLOADED.")
    per_service: ServiceLimitSettings = Field(
        default=ServiceLimitSettings(), description="What each service may take, for itself."
    )
    services: dict[str, ServiceLimitSettings] = Field(
        default_factory=dict, description="What single services may take; what is not set here is as in per_service."
    )

    @field_validator("services")
    @classmethod
    def _service_names(cls, services: dict[str, ServiceLimitSettings]) -> dict[str, ServiceLimitSettings]:
        for name in services:
            if SERVICE.fullmatch(name) is None:
                raise ValueError("a service's name is a lower-case letter followed by at most 62 of a-z, 0-9 and '-'")
        return services

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.default_deadline_s > self.max_deadline_s:
            raise ValueError("default_deadline_s is more than max_deadline_s")
        return self


class CollectionSettings(_Section):
    """Which collections may be made."""

    allow_undeclared: bool = Field(default=True, description="Let services make collections that no manifest declares.")


class LogSettings(_Section):
    """What the broker says on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


def _interpolated(text: str) -> str:
    missing = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if missing:
        raise ValueError(f"takes {', '.join(missing)} from the environment, where it is not set")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)
