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
PROFILES = {"postgres": "postgres", "mongodb": "mongodb"}


def _compose(*profiles: str) -> dict[str, Any]:
    """What compose makes of the file, run where no secret is set."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    command = [str(TOOLS / "docker-compose"), "--file", "docker-compose.yml", *chosen, "config", "--format", "json"]
    result = subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    made: dict[str, Any] = json.loads(result.stdout)
    return made


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("AOL_")]:
        monkeypatch.delenv(name)
    return load_settings(ROOT / "deploy/broker.yaml")


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


@pytest.mark.parametrize(("profile", "service"), PROFILES.items())
def test_a_profile_adds_its_database_server(profile: str, service: str) -> None:
    made = _compose(profile)["services"]
    assert set(made) == {"broker", service}
    assert made[service]["healthcheck"]["test"][0] == "CMD"
    assert "ports" not in made[service]


def test_the_broker_does_not_depend_on_servers_that_it_does_not_use() -> None:
    assert not _compose(*PROFILES)["services"]["broker"].get("depends_on")


def test_the_port_is_published_on_loopback_only() -> None:
    published = [port for service in _compose(*PROFILES)["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_the_broker_has_no_privileges() -> None:
    broker = _compose()["services"]["broker"]
    assert broker["cap_drop"] == ["ALL"]
    assert broker["security_opt"] == ["no-new-privileges:true"]


def test_every_secret_comes_from_the_environment_and_reaches_its_service_as_a_file() -> None:
    made = _compose(*PROFILES)
    assert {secret["environment"] for secret in made["secrets"].values()} == SECRETS
    for service in made["services"].values():
        assert len(service["secrets"]) == 1
        plain = [name for name in service.get("environment", {}) if re.search("PASSWORD$|TOKEN$", name)]
        assert plain == []


def test_secrets_are_not_combined_with_a_read_only_root_which_compose_refuses() -> None:
    assert not [name for name, service in _compose(*PROFILES)["services"].items() if service.get("read_only")]


def test_the_broker_accepts_its_configuration(settings: Settings) -> None:
    assert settings.listen == "0.0.0.0:50051"
    assert settings.authentication.insecure_remote
    assert settings.default_adapter == "sqlite"


def test_the_configuration_and_the_compose_file_mean_the_same_places(settings: Settings) -> None:
    broker = _compose()["services"]["broker"]
    targets = {volume["target"] for volume in broker["volumes"]}
    assert {str(settings.data_dir), "/etc/aol/broker.yaml"} == targets
    assert str(settings.authentication.operator_token_file) == broker["secrets"][0]["target"]
    assert [str(port["target"]) for port in broker["ports"]] == [settings.listen.rpartition(":")[2]]
    assert _last("EXPOSE") == settings.listen.rpartition(":")[2]


def test_without_its_exception_the_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOL_AUTHENTICATION__INSECURE_REMOTE", "false")
    with pytest.raises(SettingsError, match="loopback"):
        load_settings(ROOT / "deploy/broker.yaml")
