"""Are the image and the compose file sound, as far as can be told without a container engine?"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aol_broker.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SECRETS = {"AOL_OPERATOR_TOKEN", "AOL_POSTGRES_PASSWORD", "AOL_MONGODB_PASSWORD"}
ALONE = ("docker-compose.yml",)
WITH_POSTGRES = ("docker-compose.yml", "docker-compose.postgres.yml")
WITH_MONGODB = ("docker-compose.yml", "docker-compose.mongodb.yml")
# Each compose project that the deployment folder documents, and the broker's configuration in it.
CONFIGURATIONS = {
    ALONE: "deploy/broker.yaml",
    WITH_POSTGRES: "deploy/broker-postgres.yaml",
    WITH_MONGODB: "deploy/broker-mongodb.yaml",
}


def _compose(files: tuple[str, ...] = ALONE) -> dict[str, Any]:
    """What compose makes of the files, run where no secret is set."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    named = [word for file in files for word in ("--file", file)]
    command = [str(TOOLS / "docker-compose"), *named, "config", "--format", "json"]
    result = subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    made: dict[str, Any] = json.loads(result.stdout)
    return made


@pytest.fixture
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AOL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(without_variables: None) -> Settings:
    return load_settings(ROOT / CONFIGURATIONS[ALONE])


@pytest.fixture
def postgres_settings(without_variables: None) -> Settings:
    return load_settings(ROOT / CONFIGURATIONS[WITH_POSTGRES])


def _last(instruction: str) -> str:
    found: list[str] = re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)
    return found[-1]


def test_the_dockerfile_keeps_the_lint_rules() -> None:
    command = [str(TOOLS / "hadolint"), "--failure-threshold", "style", "Dockerfile"]
    result = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


def test_the_image_runs_as_a_user_without_rights_and_checks_its_health() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", _last("USER"))
    assert "HEALTHCHECK" in DOCKERFILE
    assert json.loads(_last("ENTRYPOINT")) == ["aol"]
    assert json.loads(_last("CMD")) == ["serve", "--config", "/etc/aol/broker.yaml"]


def test_the_image_has_a_build_stage_that_it_leaves_behind() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["python:3.13-slim", "python:3.13-slim"]


def test_everything_that_the_image_copies_is_there_and_is_let_through() -> None:
    sources = [
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    let_through = {
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == let_through


def test_compose_starts_the_broker_alone_unless_told_otherwise() -> None:
    assert set(_compose()["services"]) == {"broker"}


def test_the_broker_does_not_depend_on_servers_that_it_does_not_use() -> None:
    assert not _compose()["services"]["broker"].get("depends_on")


def test_with_the_file_for_mongodb_the_broker_starts_when_that_server_takes_writes() -> None:
    made = _compose(files=WITH_MONGODB)
    services = made["services"]
    assert set(services) == {"broker", "mongodb"}
    assert services["broker"]["depends_on"] == {"mongodb": {"condition": "service_healthy", "required": True}}
    assert services["mongodb"]["image"] == "mongo:8"
    assert "isWritablePrimary" in services["mongodb"]["healthcheck"]["test"][-1]
    assert "--replSet aol" in services["mongodb"]["entrypoint"][-1]
    assert "ports" not in services["mongodb"]
    assert [(it["source"], it["target"]) for it in services["mongodb"]["volumes"]] == [("mongodb-data", "/data/db")]
    assert set(made["volumes"]) == {"broker-data", "mongodb-data"}


def test_with_mongodb_documents_are_where_the_server_is(without_variables: None) -> None:
    settings = load_settings(ROOT / CONFIGURATIONS[WITH_MONGODB])
    made = _compose(files=WITH_MONGODB)["services"]
    secret = next(it["target"] for it in made["broker"]["secrets"] if it["source"] == "mongodb_password")
    server = made["mongodb"]["environment"]
    assert server["MONGO_INITDB_ROOT_PASSWORD_FILE"] == secret
    assert set(settings.adapters) == {"mongodb"}
    assert settings.adapters["mongodb"].environment == {
        "AOL_MONGODB_URI": f"mongodb://{server['MONGO_INITDB_ROOT_USERNAME']}@mongodb:27017/?replicaSet=aol&authSource=admin",
        "AOL_MONGODB_PASSWORD_FILE": secret,
    }
    assert settings.registry_url.startswith("sqlite")


def test_with_the_file_for_postgres_the_broker_starts_when_that_server_is_healthy() -> None:
    made = _compose(files=WITH_POSTGRES)["services"]
    assert set(made) == {"broker", "postgres"}
    assert made["broker"]["depends_on"] == {"postgres": {"condition": "service_healthy", "required": True}}
    assert made["postgres"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert "ports" not in made["postgres"]


def test_the_servers_data_is_in_a_volume_where_its_image_of_18_keeps_it() -> None:
    made = _compose(files=WITH_POSTGRES)
    assert made["services"]["postgres"]["image"] == "postgres:18"
    assert [(it["type"], it["source"], it["target"]) for it in made["services"]["postgres"]["volumes"]] == [
        ("volume", "postgres-data", "/var/lib/postgresql")
    ]
    assert set(made["volumes"]) == {"broker-data", "postgres-data"}


@pytest.mark.parametrize("files", CONFIGURATIONS)
def test_the_port_is_published_on_loopback_only(files: tuple[str, ...]) -> None:
    made = _compose(files=files)["services"]
    assert {port["host_ip"] for service in made.values() for port in service.get("ports", [])} == {"127.0.0.1"}


@pytest.mark.parametrize("files", CONFIGURATIONS)
def test_the_broker_has_no_privileges(files: tuple[str, ...]) -> None:
    broker = _compose(files=files)["services"]["broker"]
    assert broker["cap_drop"] == ["ALL"]
    assert broker["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("files", CONFIGURATIONS)
def test_every_secret_comes_from_the_environment_and_reaches_its_services_as_a_file(files: tuple[str, ...]) -> None:
    made = _compose(files=files)
    assert {secret["environment"] for secret in made["secrets"].values()} <= SECRETS
    for service in made["services"].values():
        assert service["secrets"]
        plain = [name for name in service.get("environment", {}) if re.search("PASSWORD$|TOKEN$", name)]
        assert plain == []


@pytest.mark.parametrize("files", CONFIGURATIONS)
def test_secrets_are_not_combined_with_a_read_only_root_which_compose_refuses(files: tuple[str, ...]) -> None:
    made = _compose(files=files)["services"]
    assert not [name for name, service in made.items() if service.get("read_only")]


def test_the_broker_accepts_its_configuration(settings: Settings) -> None:
    assert settings.listen == "0.0.0.0:50051"
    assert settings.authentication.insecure_remote
    assert settings.default_adapter == "sqlite"
    assert settings.registry_url.startswith("sqlite")


def test_the_configurations_differ_in_where_data_is_and_in_nothing_else(
    settings: Settings, postgres_settings: Settings
) -> None:
    differ = {name for name in Settings.model_fields if getattr(settings, name) != getattr(postgres_settings, name)}
    assert differ == {"registry", "adapters", "default_adapter"}


def test_with_postgres_documents_and_registry_are_where_the_server_is(postgres_settings: Settings) -> None:
    made = _compose(files=WITH_POSTGRES)["services"]
    server = made["postgres"]["environment"]
    secret = next(it["target"] for it in made["broker"]["secrets"] if it["source"] == "postgres_password")
    address = f"{server['POSTGRES_USER']}@postgres/{server['POSTGRES_DB']}"
    assert server["POSTGRES_PASSWORD_FILE"] == secret
    assert postgres_settings.registry_url == f"postgresql+asyncpg://{address}"
    assert str(postgres_settings.registry.password_file) == secret
    assert set(postgres_settings.adapters) == {"postgres"}
    assert postgres_settings.adapters["postgres"].environment == {
        "AOL_POSTGRES_DSN": f"postgresql://{address}",
        "AOL_POSTGRES_PASSWORD_FILE": secret,
    }


@pytest.mark.parametrize("files", CONFIGURATIONS)
def test_the_configuration_and_the_compose_file_mean_the_same_places(
    files: tuple[str, ...], without_variables: None
) -> None:
    settings = load_settings(ROOT / CONFIGURATIONS[files])
    broker = _compose(files=files)["services"]["broker"]
    mounted = {volume["target"]: volume["source"] for volume in broker["volumes"]}
    assert mounted == {
        str(settings.data_dir): "broker-data",
        "/etc/aol/broker.yaml": str(ROOT / CONFIGURATIONS[files]),
    }
    assert str(settings.authentication.operator_token_file) == broker["secrets"][0]["target"]
    assert [str(port["target"]) for port in broker["ports"]] == [settings.listen.rpartition(":")[2]]
    assert _last("EXPOSE") == settings.listen.rpartition(":")[2]


def test_the_deployment_folder_says_how_both_are_started() -> None:
    text = (ROOT / "deploy/README.md").read_text()
    commands = re.findall(r"^    docker compose (.*\bup\b.*)$", text, re.MULTILINE)
    assert {tuple(re.findall(r"-f (\S+)", command)) or ALONE for command in commands} == set(CONFIGURATIONS)


def test_without_its_exception_the_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOL_AUTHENTICATION__INSECURE_REMOTE", "false")
    with pytest.raises(SettingsError, match="loopback"):
        load_settings(ROOT / "deploy/broker.yaml")
