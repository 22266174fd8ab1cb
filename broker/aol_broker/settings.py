"""How is this broker configured? One frozen object, from `broker.yaml` and `AOL_*` in the environment."""

import hashlib
import os
import re
import socket
import sys
from collections.abc import Mapping
from inspect import isclass
from pathlib import Path
from typing import Any, Self

import pydantic_settings
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from aol_broker.plan_settings import PlanSettings
from aol_broker.settings_sections import (
    OPERATOR_TOKEN_MIN_CHARS,
    AdapterSettings,
    AuditSettings,
    AuthenticationSettings,
    CollectionSettings,
    LimitSettings,
    LogSettings,
    RegistrySettings,
    SecuritySettings,
    UsageSettings,
)
from aol_broker.tls_settings import ServerTlsSettings
from aol_broker.validation_problems import problems_of
from aol_broker.verifier_settings import check_user_tokens
from aol_broker.yaml_events import Location
from aol_broker.yaml_text import (
    Problem,
    YamlDocument,
    YamlError,
    describe_problems,
    did_you_mean,
    format_location,
    read_text,
    read_yaml,
)
from aol_wire.loopback import is_loopback
from aol_wire.names import ADAPTER
from aol_wire.tls import CLIENT_VARIABLES

ENVIRONMENT_PREFIX = "AOL_"
_NESTED = "__"
_ENVIRONMENT = "environment"


class SettingsError(Exception):
    """The configuration cannot be used. The text lists every problem and holds no configured value."""


class Settings(BaseSettings):
    """The configuration of one broker. Make it with `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=_NESTED,
        env_ignore_empty=True,
    )

    listen: str = Field(default="127.0.0.1:50051", description="host:port; port 0 takes any free one.")
    data_dir: Path = Field(default=Path(".aol"), description="Where the broker keeps what it keeps in files.")
    broker_id: str = Field(
        default="",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="The name of this broker in audit records; made of host and data directory when not given.",
    )
    adapters: dict[str, AdapterSettings] = Field(
        default_factory=dict, description="Adapters by name; SQLite in the data directory when there are none."
    )
    default_adapter: str = Field(default="", description="Keeps new collections. Required with several adapters.")
    registry: RegistrySettings = RegistrySettings()
    audit: AuditSettings = AuditSettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    tls: ServerTlsSettings = ServerTlsSettings()
    security: SecuritySettings = SecuritySettings()
    limits: LimitSettings = LimitSettings()
    collections: CollectionSettings = CollectionSettings()
    plan: PlanSettings = PlanSettings()
    slow_call_s: float = Field(default=1.0, gt=0, description="Calls that take longer are logged.")
    log: LogSettings = LogSettings()
    usage: UsageSettings = UsageSettings()

    @property
    def listen_host(self) -> str:
        """The address to listen on, without the brackets of IPv6."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """The port to listen on; 0 for any."""
        return int(self.listen.rpartition(":")[2])

    @property
    def registry_url(self) -> str:
        """The registry's SQLAlchemy URL. It may hold a password; if not, `read_registry_password` may give one."""
        if self.registry.url is not None:
            return self.registry.url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'registry.db'}"

    @property
    def audit_dir(self) -> Path:
        """The folder of the audit records."""
        return self.audit.directory or self.data_dir / "audit"

    @property
    def audit_key_file(self) -> Path:
        """The key that signs the audit log's checkpoints."""
        return self.audit.key_file or self.data_dir / "audit-key.pem"

    def read_operator_token(self) -> str | None:
        """Return the operators' token; None when none is configured, and then nobody is an operator.

        :raises SettingsError: the file cannot be read or holds too short a token.
        """
        token, file = self.authentication.operator_token, self.authentication.operator_token_file
        if file is None:
            return token.get_secret_value().strip() if token is not None else None
        text = read_secret(file, "authentication.operator_token_file", "ASCII").strip()
        if len(text) < OPERATOR_TOKEN_MIN_CHARS:
            raise SettingsError(f"the operator token file holds fewer than {OPERATOR_TOKEN_MIN_CHARS} characters")
        return text

    @property
    def insecure_remote(self) -> bool:
        """Whether names are believed that come from other machines."""
        return self.authentication.insecure and not is_loopback(self.listen_host)

    def require_verifiers(self) -> None:
        """Return if the configuration says by what callers are believed.

        :raises SettingsError: it does not.
        """
        if not self.authentication.verifiers:
            raise SettingsError(
                "authentication.verifiers is missing: it says by what callers are believed. For tokens that "
                "`aol token create` mints, add\n\n    authentication:\n      verifiers: [{type: token}]\n\n"
                "Others are mtls and jwt, and `type: insecure`, which believes the name that a caller gives, for one's "
                "own machine. docs/identity.md describes them."
            )

    def read_registry_password(self) -> str | None:
        """Return the password that the registry's URL leaves out; None when no file is configured for it.

        :raises SettingsError: the file cannot be read, or does not hold one line.
        """
        file = self.registry.password_file
        if file is None:
            return None
        return read_one_line(file, "registry.password_file")

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError("is host:port, for example 127.0.0.1:50051 or [::1]:50051")
        return listen

    @field_validator("adapters")
    @classmethod
    def _adapter_names(cls, adapters: dict[str, AdapterSettings]) -> dict[str, AdapterSettings]:
        if not all(ADAPTER.fullmatch(name) for name in adapters):
            raise ValueError("an adapter's name is a lower-case letter followed by a-z, 0-9, '_' and '-'")
        return adapters

    @model_validator(mode="after")
    def _loopback_only(self) -> Self:
        if self.insecure_remote and not self.authentication.insecure_remote:
            raise ValueError(
                "listen is not a loopback address, and the verifier of type insecure believes the service name that a "
                "caller gives, so anyone who reaches the port can act as any service. Leave that verifier out, listen "
                "on 127.0.0.1, or set authentication.insecure_remote: true where the network itself is private"
            )
        return self

    @model_validator(mode="after")
    def _certificates_are_asked_for(self) -> Self:
        by_certificate = any(verifier.type == "mtls" for verifier in self.authentication.verifiers)
        if by_certificate and self.tls.client_ca_file is None:
            raise ValueError(
                "the verifier of type mtls knows callers by their certificates, for which nobody is asked: it needs "
                "tls.certificate_file, tls.key_file and tls.client_ca_file"
            )
        return self

    @model_validator(mode="after")
    def _users_and_services_apart(self) -> Self:
        check_user_tokens(self.security.user_tokens, self.authentication.verifiers)
        return self

    @model_validator(mode="after")
    def _default_adapter_exists(self) -> Self:
        if self.default_adapter not in self.adapters:
            if not self.default_adapter:
                raise ValueError("default_adapter is needed where there are several adapters")
            near = did_you_mean(self.default_adapter, self.adapters)
            raise ValueError(f"default_adapter is none of the adapters{near}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in what depends on other settings; what is malformed is left for the fields to refuse."""
        data_dir = Path(str(values.get("data_dir", ".aol")))
        values = {**values, "broker_id": values.get("broker_id") or _broker_id(data_dir)}
        if values.get("adapters") in (None, {}):
            command = (sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(data_dir / "sqlite"))
            values["adapters"] = {"sqlite": {"command": command}}
        adapters = values["adapters"]
        if not values.get("default_adapter") and isinstance(adapters, dict) and len(adapters) == 1:
            values["default_adapter"] = next(iter(adapters))
        return values


def load_settings(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the configuration: `overrides` (nested, by field names) before the environment, and that before the file.

    :raises SettingsError: with every problem, each with its line or variable.
    """
    source = path.name if path is not None else "the settings"
    try:
        document = read_yaml(read_text(path)) if path is not None else YamlDocument({}, {}, {})
    except YamlError as error:
        raise SettingsError(describe_problems(error.problems, source)) from None
    # A section whose lines are all commented out is null in YAML, and means the defaults.
    from_file = {key: value for key, value in document.value.items() if value is not None}

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, from_file)

    problems = _misspelt_variables()
    try:
        settings = FromFile(**(overrides or {}))
    except ValidationError as error:
        problems += [_located(document, where, text) for where, text in problems_of(error, Settings)]
    except pydantic_settings.SettingsError:
        problems.append(
            Problem(0, "", f"a variable {ENVIRONMENT_PREFIX}… that should hold JSON does not", _ENVIRONMENT)
        )
    if problems:
        raise SettingsError(describe_problems(problems, source)) from None
    return settings


def _broker_id(data_dir: Path) -> str:
    """Return a name that stays the same for a data directory on a host, and that no other one has."""
    host = re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip("-.")[:48] or "broker"
    return f"{host}-{hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:6]}"


def read_secret(file: Path, setting: str, encoding: str = "UTF-8") -> str:
    """Return the text of a file that `setting` names.

    :raises SettingsError: it cannot be read.
    """
    try:
        return file.read_text(encoding=encoding)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is not {encoding} text"
        raise SettingsError(f"{setting} cannot be read: {why}") from None


def read_one_line(file: Path, setting: str) -> str:
    """Return the one line of a file that `setting` names.

    :raises SettingsError: it cannot be read, or does not hold one line.
    """
    # Files of secrets may end in a line break or not; any other blank may be part of the secret.
    text = read_secret(file, setting).rstrip("\r\n")
    if not text or not text.isprintable():
        raise SettingsError(f"{setting} does not hold one line with the secret and nothing else")
    return text


def _located(document: YamlDocument, where: Location, text: str) -> Problem:
    variable = ENVIRONMENT_PREFIX + _NESTED.join(str(part) for part in where).upper()
    if where and any(name.upper() == variable for name in os.environ):
        return Problem(0, variable, text, _ENVIRONMENT)
    return document.problem(where, text) if where in document.lines else Problem(0, format_location(where), text)


def _misspelt_variables() -> list[Problem]:
    """Return the variables that are nearly the name of a setting. Others of the prefix may belong to other programs."""
    known = [ENVIRONMENT_PREFIX + name.upper() for name in _variable_names()]
    sections = tuple(f"{ENVIRONMENT_PREFIX}{field.upper()}{_NESTED}" for field in Settings.model_fields)
    problems = []
    for name in sorted(os.environ):
        upper = name.upper()
        if not upper.startswith(ENVIRONMENT_PREFIX) or upper in known or upper.startswith(sections):
            continue
        # One shell may start a broker and call one.
        if upper in CLIENT_VARIABLES:
            continue
        if hint := did_you_mean(upper, known, cutoff=0.85):
            problems.append(Problem(0, name, f"no such setting{hint}", _ENVIRONMENT))
    return problems


def _variable_names() -> list[str]:
    names = []
    for field, info in Settings.model_fields.items():
        names.append(field)
        if isclass(info.annotation) and issubclass(info.annotation, BaseModel):
            names.extend(f"{field}{_NESTED}{inner}" for inner in info.annotation.model_fields)
    return names
