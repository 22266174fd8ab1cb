"""Is the configuration one frozen object, and is a mistake named without its value?"""

import os
import re
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from aol_broker.settings import Settings, SettingsError, load_settings
from aol_broker.settings_sections import (
    AdapterSettings,
    OtlpSinkSettings,
    PostgresSinkSettings,
    StdoutSinkSettings,
)
from aol_broker.verifier_settings import CertificateSettings, JwtSettings
from aol_wire.loopback import is_loopback

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "configuration.md"
SECRET = "s3cret-s3cret-s3cret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without variables of ours."""
    for name in list(os.environ):
        if name.startswith("AOL_"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "broker.yaml"


def _load(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def _refusal(file: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        _load(file, text)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_without_configuration_there_is_a_broker_on_loopback_with_sqlite() -> None:
    settings = load_settings()
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 50051)
    assert settings.registry_url == "sqlite+aiosqlite:///.aol/registry.db"
    assert settings.audit_dir == Path(".aol/audit")
    assert settings.default_adapter == "sqlite"
    command = (sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(Path(".aol/sqlite")))
    assert settings.adapters["sqlite"].command == command
    assert settings.collections.allow_undeclared is True
    assert settings.authentication.insecure_remote is False
    assert settings.read_operator_token() is None
    assert (settings.limits.default_deadline_s, settings.limits.max_deadline_s) == (10, 30)
    assert settings.limits.max_in_flight == 1024


def test_overrides_come_before_the_environment_and_that_before_the_file(
    file: Path, environment: pytest.MonkeyPatch
) -> None:
    file.write_text("slow_call_s: 3\nlimits: {max_in_flight: 3, max_deadline_s: 33, default_deadline_s: 3}")
    environment.setenv("AOL_SLOW_CALL_S", "2")
    environment.setenv("AOL_LIMITS__MAX_IN_FLIGHT", "2")
    environment.setenv("AOL_LIMITS__DEFAULT_DEADLINE_S", "2")
    settings = load_settings(file, {"limits": {"default_deadline_s": 1}})
    assert settings.slow_call_s == 2
    assert (settings.limits.max_deadline_s, settings.limits.max_in_flight) == (33, 2)
    assert settings.limits.default_deadline_s == 1


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.listen = "127.0.0.1:1"
    with pytest.raises(ValidationError):
        settings.limits.max_in_flight = 1


def test_a_data_directory_moves_everything_in_it() -> None:
    settings = load_settings(None, {"data_dir": Path("/somewhere")})
    assert settings.registry_url == "sqlite+aiosqlite:////somewhere/registry.db"
    assert settings.audit_dir == Path("/somewhere/audit")
    assert "/somewhere/sqlite" in (settings.adapters["sqlite"].command or ())


def test_a_broker_has_the_same_name_each_time_and_another_one_per_data_directory() -> None:
    first, again, other = (load_settings(None, {"data_dir": Path(name)}).broker_id for name in ("a", "a", "b"))
    assert first == again != other
    assert load_settings(None, {"broker_id": "blue"}).broker_id == "blue"


def test_adapters_are_read_and_their_environment_is_filled_in(file: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PG_PASSWORD", SECRET)
    settings = _load(
        file,
        """
        default_adapter: pg
        adapters:
          pg:
            command: [python, -m, aol_adapters.postgres]
            environment: {DSN: "postgresql://u:${PG_PASSWORD}@db/${PG_PASSWORD}", PLAIN: "$HOME"}
          far: {address: "unix:/run/far.sock"}
        """,
    )
    assert settings.adapters["pg"].command == ("python", "-m", "aol_adapters.postgres")
    assert settings.adapters["pg"].environment == {"DSN": f"postgresql://u:{SECRET}@db/{SECRET}", "PLAIN": "$HOME"}
    assert settings.adapters["far"].address == "unix:/run/far.sock"
    assert SECRET not in repr(settings)


def test_the_only_adapter_is_the_default_one(file: Path) -> None:
    assert _load(file, "adapters: {far: {address: 'unix:/h'}}").default_adapter == "far"


def test_adapters_can_come_from_the_environment_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AOL_ADAPTERS__FAR__ADDRESS", "unix:/h")
    assert load_settings().adapters["far"].address == "unix:/h"
    environment.setenv("AOL_ADAPTERS", '{"near": {"command": ["x"]}}')
    environment.setenv("AOL_DEFAULT_ADAPTER", "near")
    assert set(load_settings().adapters) == {"far", "near"}


def test_sections_whose_lines_are_all_commented_out_mean_the_defaults(file: Path) -> None:
    assert _load(file, "limits:\naudit:\nadapters:\n").limits.max_in_flight == 1024
    assert _load(file, "# all of it\n").listen_port == 50051


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("listn: 1", "broker.yaml:1 listn", "did you mean 'listen'?"),
        ("limits:\n  max_inflight: 1", "broker.yaml:2 limits.max_inflight", "did you mean 'max_in_flight'?"),
        (f"limits: {{max_in_flight: {SECRET}}}", "broker.yaml:1 limits.max_in_flight", "integer"),
        ("limits: {max_in_flight: 0}", "broker.yaml:1 limits.max_in_flight", "greater"),
        ("limits: {per_service: {requests_per_s: 0}}", "broker.yaml:1 limits.per_service.requests_per_s", "greater"),
        ("limits: {services: {a: {max_batch: 1}}}", "broker.yaml:1 limits.services.a.max_batch", "max_batch_documents"),
        ("limits: {services: {Not_One: {}}}", "broker.yaml:1 limits.services", "service's name"),
        ("limits: {default_deadline_s: 20, max_deadline_s: 10}", "broker.yaml:1 limits", "more than max_deadline_s"),
        ("limits: {max_deadline_s: .inf}", "broker.yaml:1 limits.max_deadline_s", "less"),
        (f"listen: {SECRET}", "broker.yaml:1 listen", "host:port"),
        ("listen: ':50051'", "broker.yaml:1 listen", "host:port"),
        ("listen: 'h:70000'", "broker.yaml:1 listen", "host:port"),
        ("listen: 'h:٣'", "broker.yaml:1 listen", "host:port"),
        ("listen: 50051", "broker.yaml:1 listen", "quotes"),
        ("broker_id: 'A B'", "broker.yaml:1 broker_id", "pattern"),
        ("log: {level: inof}", "broker.yaml:1 log.level", "did you mean 'info'?"),
        ("log: {format: xml}", "broker.yaml:1 log.format", "json, text"),
        ("adapters: {pg: {}}", "broker.yaml:1 adapters.pg", "either a command or an address"),
        ("adapters: {pg: {command: [x], address: y}}", "broker.yaml:1 adapters.pg", "either"),
        ("adapters: {pg: {command: []}}", "broker.yaml:1 adapters.pg.command", "at least 1"),
        ("adapters: {pg: {command: x}}", "broker.yaml:1 adapters.pg.command", "tuple"),
        ("adapters: {pg: {commnd: [x]}}", "broker.yaml:1 adapters.pg.commnd", "did you mean 'command'?"),
        ("adapters: {'p g': {command: [x]}}", "broker.yaml:1 adapters", "name"),
        ("adapters: {pg: {address: y, environment: {A: b}}}", "broker.yaml:1 adapters.pg", "command"),
        (
            f"adapters: {{pg: {{command: [x], environment: {{A: '{SECRET}${{NOT_SET}}'}}}}}}",
            "broker.yaml:1 adapters.pg.environment",
            "NOT_SET",
        ),
        ("adapters: {a: {command: [x]}, b: {command: [x]}}", "broker.yaml", "default_adapter is needed"),
        ("default_adapter: sqlight", "broker.yaml", "did you mean 'sqlite'?"),
        (f"registry: {{url: 'mysql://{SECRET}'}}", "broker.yaml:1 registry.url", "postgresql+asyncpg"),
        (f"registry: {{password_file: {SECRET}}}", "broker.yaml:1 registry", "goes with a url"),
        (
            f"registry: {{url: 'sqlite+aiosqlite:///{SECRET}', password_file: x}}",
            "broker.yaml:1 registry",
            "postgresql+asyncpg",
        ),
        *(
            (
                f"registry: {{url: 'postgresql+asyncpg://{address}', password_file: x}}",
                "broker.yaml:1 registry",
                "leave one of them out",
            )
            for address in (
                f"u:{SECRET}@h/d",
                f":{SECRET}@h",
                f"u:a/{SECRET}@h:1/d",
                f"u@h/d?password={SECRET}",
                "u:@h/d",
            )
        ),
        ("authentication: {operator_token: short}", "broker.yaml:1 authentication.operator_token", "16"),
        (
            f"authentication: {{operator_token: {SECRET}, operator_token_file: x}}",
            "broker.yaml:1 authentication",
            "exclude",
        ),
        ("audit: {retain_bytes: -1}", "broker.yaml:1 audit.retain_bytes", "greater"),
        ("audit: {retain_for: 90}", "broker.yaml:1 audit.retain_for", "text"),
        (f"audit: {{retain_for: {SECRET}}}", "broker.yaml:1 audit.retain_for", "days or hours"),
        ("audit: {max_file_bytes: 1}", "broker.yaml:1 audit.max_file_bytes", "greater"),
        ("collections: {allow_undeclared: perhaps}", "broker.yaml:1 collections.allow_undeclared", "boolean"),
        ("slow_call_s: -1", "broker.yaml:1 slow_call_s", "greater"),
        ("limits: [1]", "broker.yaml:1 limits", "dictionary"),
        ("a: 1\na: 2", "broker.yaml:2 a", "already"),
        (f"a: *{SECRET}", "broker.yaml:1", "YAML"),
        ("[1]", "broker.yaml:1", "mapping"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_without_its_value(file: Path, text: str, place: str, word: str) -> None:
    message = _refusal(file, text)
    assert message.startswith("1 problem in broker.yaml:\n")
    assert f"  {place}: " in message
    assert word in message


def test_all_mistakes_are_in_one_error(file: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AOL_AUDIT__MAX_FILE_BYTES", SECRET)
    environment.setenv("AOL_LOG__LEVL", SECRET)
    message = _refusal(file, "listn: 1\nslow_call_s: x")
    assert message.startswith("4 problems")
    assert "environment AOL_AUDIT__MAX_FILE_BYTES: should be a valid integer" in message
    assert "environment AOL_LOG__LEVL: unknown key; did you mean 'level'?" in message
    assert "broker.yaml:1 listn" in message
    assert "broker.yaml:2 slow_call_s" in message


@pytest.mark.parametrize(("name", "meant"), [("AOL_LISTN", "AOL_LISTEN"), ("AOL_LOG_LEVEL", "AOL_LOG__LEVEL")])
def test_a_variable_that_is_nearly_a_setting_is_a_mistake(
    environment: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    environment.setenv(name, SECRET)
    with pytest.raises(SettingsError, match=meant) as refused:
        load_settings()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["AOL_ENDPOINT", "AOL_TOKEN", "AOL_TOKEN_FILE", "AOL_ADAPTER_COOKIE", "AOL_TEST_X"])
def test_variables_of_other_programs_are_left_alone(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, SECRET)
    load_settings()


def test_an_empty_variable_counts_as_not_set(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AOL_LISTEN", "")
    assert load_settings().listen_port == 50051


def test_a_variable_that_should_hold_json_and_does_not_is_a_mistake(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AOL_ADAPTERS", f"{{{SECRET}")
    with pytest.raises(SettingsError, match="JSON") as refused:
        load_settings()
    assert SECRET not in str(refused.value)


def test_a_file_that_is_missing_is_a_mistake(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"broker\.yaml: cannot be read"):
        load_settings(file)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "broker", "localhost.example", "127.0.0.1.example"])
def test_listening_beyond_loopback_needs_to_be_said(file: Path, host: str) -> None:
    insecure = "verifiers: [{type: insecure}, {type: token}]"
    message = _refusal(file, f"listen: '{host}:50051'\nauthentication: {{{insecure}}}")
    assert "not a loopback address" in message
    assert "authentication.insecure_remote" in message
    said = _load(file, f"listen: '{host}:50051'\nauthentication: {{{insecure}, insecure_remote: true}}")
    assert (said.listen_host, said.insecure_remote) == (host.strip("[]"), True)
    verified = _load(file, f"listen: '{host}:50051'\nauthentication: {{verifiers: [{{type: token}}]}}")
    assert not verified.insecure_remote


def test_by_what_callers_are_believed_needs_to_be_said(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"authentication\.verifiers is missing.*aol token create"):
        load_settings().require_verifiers()
    _load(file, "authentication: {verifiers: [{type: insecure}]}").require_verifiers()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)
    text = f"[{host}]:0" if ":" in host else f"{host}:0"
    assert load_settings(None, {"listen": text}).listen_host == host


def test_an_operator_token_comes_from_the_settings_or_a_file(tmp_path: Path, file: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(f"{SECRET}\n")
    assert _load(file, f"authentication: {{operator_token: {SECRET}}}").read_operator_token() == SECRET
    settings = _load(file, f"authentication: {{operator_token_file: {token_file}}}")
    assert settings.read_operator_token() == SECRET
    assert SECRET not in repr(settings)
    token_file.write_text("short")
    with pytest.raises(SettingsError, match="16"):
        settings.read_operator_token()
    token_file.write_bytes(b"\xff" * 32)
    with pytest.raises(SettingsError, match="ASCII"):
        settings.read_operator_token()
    token_file.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.read_operator_token()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("password", [SECRET, " blanks and p@ss/word:? ", "пароль"])
def test_a_registry_password_comes_from_a_file(tmp_path: Path, file: Path, password: str, ending: str) -> None:
    password_file = tmp_path / "password"
    password_file.write_bytes((password + ending).encode())
    url = "postgresql+asyncpg://u@h:5432/d?ssl=require"
    settings = _load(file, f"registry: {{url: '{url}', password_file: {password_file}}}")
    assert settings.read_registry_password() == password
    assert settings.registry_url == url
    assert SECRET not in repr(settings)


def test_without_a_password_file_there_is_no_password_to_read() -> None:
    assert load_settings().read_registry_password() is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"", "one line"),
        (b"\n", "one line"),
        (f"{SECRET}\n{SECRET}".encode(), "one line"),
        (f"{SECRET}\0".encode(), "one line"),
        (SECRET.encode() + b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_holds_no_password_is_a_mistake(
    tmp_path: Path, file: Path, content: bytes | None, why: str
) -> None:
    password_file = tmp_path / "password"
    if content is not None:
        password_file.write_bytes(content)
    settings = _load(file, f"registry: {{url: 'postgresql+asyncpg://u@h/d', password_file: {password_file}}}")
    with pytest.raises(SettingsError, match=why) as refused:
        settings.read_registry_password()
    assert str(refused.value).startswith("registry.password_file")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_checkpoints_are_anchored_in_one_place_at_most(file: Path) -> None:
    assert load_settings().audit.anchor.file is None
    settings = _load(file, "audit: {anchor: {command: [logger, -t, audit], every_s: 5}}")
    assert (settings.audit.anchor.command, settings.audit.anchor.every_s) == (("logger", "-t", "audit"), 5)
    assert "takes one of file, command and sink" in _refusal(file, "audit: {anchor: {file: /a, sink: b}}")
    assert "audit.anchor.every_s" in _refusal(file, "audit: {anchor: {file: /a, every_s: 0}}")


def test_a_sink_that_checkpoints_are_anchored_in_is_one_of_the_sinks(file: Path) -> None:
    sinks = "sinks: [{name: out, type: stdout}]"
    assert _load(file, f"audit: {{anchor: {{sink: out}}, {sinks}}}").audit.anchor.sink == "out"
    assert "anchor.sink is the name of none of the sinks" in _refusal(file, f"audit: {{anchor: {{sink: in}}, {sinks}}}")


def test_no_credential_is_in_the_representation(file: Path) -> None:
    settings = _load(
        file,
        f"registry: {{url: 'postgresql+asyncpg://u:{SECRET}@h/d'}}\nauthentication: {{operator_token: {SECRET}}}\n"
        f"adapters: {{pg: {{command: [x], environment: {{A: {SECRET}}}}}}}\n"
        f"audit: {{sinks: [{{name: p, type: postgres, url: 'postgresql://u:{SECRET}@h/d'}},"
        f"{{name: o, type: otlp, endpoint: 'https://h:1', headers: {{authorization: {SECRET}}}}}]}}",
    )
    assert settings.registry_url.endswith(f"u:{SECRET}@h/d")
    assert SECRET not in f"{settings!r} {settings}"


def _names(model: type[BaseModel], prefix: str = "") -> set[str]:
    names = set()
    for name, info in model.model_fields.items():
        inner = AdapterSettings if name == "adapters" else info.annotation
        if name == "sinks":
            for each in (StdoutSinkSettings, PostgresSinkSettings, OtlpSinkSettings):
                names |= _names(each, f"{prefix}sinks[].")
        if name == "verifiers":
            for verifier in (CertificateSettings, JwtSettings):
                names |= _names(verifier, f"{prefix}verifiers[].")
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= _names(inner, f"{prefix}{name}.{'<name>.' if name == 'adapters' else ''}")
        else:
            names.add(prefix + name)
    return names


def test_the_documentation_has_every_setting_and_its_example_is_one(file: Path) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert documented == _names(Settings)
    example, limits = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert set(_load(file, example).adapters) == {"sqlite", "elsewhere"}
    assert _load(file, limits).limits.services["nightly-report"].requests_burst == 200
