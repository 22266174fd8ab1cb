"""Does the wheel hold what users need and nothing else, and do the locks hold what the checks and the image need?"""

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
FOLDERS = ["protos/aol", "protos/aol_wire", "broker/aol_broker", "client/aol_client", "client/aol_cli"]
FOLDERS += ["adapters/aol_adapters"]
LOCKED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=110)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(_read(wheel, "METADATA"))


def _read(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(it for it in archive.namelist() if it.endswith(f".dist-info/{name}"))).decode()


def _project_files() -> set[str]:
    """What belongs into the wheel, by its name there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name.partition("/")[2] for name in listed if name and (ROOT / name).is_file()}


def _base_dependencies(metadata: Message) -> set[str]:
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    return {canonicalize_name(it.name) for it in requirements if it.marker is None}


def _locked(name: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in LOCKED.findall((ROOT / name).read_text())}


def _needed(extra: str) -> list[Requirement]:
    """The requirements of the base install and of an extra, with the extras that it includes."""
    listed = [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]
    inner = [it for own in listed if own.name == PROJECT["name"] for name in sorted(own.extras) for it in _needed(name)]
    return (
        [it for it in listed if it.name != PROJECT["name"]]
        + inner
        + [Requirement(it) for it in PROJECT["dependencies"]]
    )


def test_the_wheel_holds_the_files_of_the_six_packages_and_nothing_else(names: set[str]) -> None:
    assert {name for name in names if ".dist-info/" not in name} == _project_files()


def test_the_wheel_holds_the_contract_the_types_and_the_migrations(names: set[str]) -> None:
    for package in (
        "aol_wire",
        "aol_broker",
        "aol_client",
        "aol_cli",
        "aol_adapters",
        "aol/data",
        "aol/adapter",
        "aol/admin",
    ):
        assert f"{package}/py.typed" in names
    assert {"aol/data/v1/data_broker.proto", "aol/adapter/v1/adapter.proto", "aol/admin/v1/admin.proto"} <= names
    assert [name for name in names if name.startswith("aol_broker/registry/migrations/versions/0001")]


def test_the_base_install_is_the_sdk_alone(metadata: Message) -> None:
    assert _base_dependencies(metadata) == {"grpcio", "grpcio-status", "protobuf", "orjson", "stamina", "pyyaml"}


def test_the_extras_are_those_of_the_design(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == {"cli", "broker", "postgres", "mongodb", "otlp", "all", "dev"}


def test_the_wheel_says_its_licence_and_its_pythons(metadata: Message, names: set[str]) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}


def test_the_wheel_installs_the_command_aol(wheel: Path) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(_read(wheel, "entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"aol": "aol_cli.main:main"}


def test_the_packages_of_the_wheel_can_be_imported_from_it(wheel: Path, tmp_path: Path) -> None:
    """What PYTHONPATH names stands before the editable install, so nothing of the checkout can help out."""
    program = (
        "import sys, aol_adapters, aol_broker, aol_cli, aol_client, aol_wire\n"
        "import aol.data.v1.data_broker_pb2_grpc as calls\n"
        "modules = aol_adapters, aol_broker, aol_cli, aol_client, aol_wire, calls\n"
        "print(all(it.__file__.startswith(sys.argv[1]) for it in modules))"
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-c", program, str(tmp_path)]
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "True\n"


@pytest.mark.parametrize(("lock", "extra"), [("requirements-dev.lock", "dev"), ("deploy/requirements.lock", "all")])
def test_a_lock_holds_a_fitting_version_of_everything_that_is_declared(lock: str, extra: str) -> None:
    locked = _locked(lock)
    unfit = [str(it) for it in _needed(extra) if locked.get(canonicalize_name(it.name), "0") not in it.specifier]
    assert unfit == [], "run `make lock`"


def test_the_image_installs_the_versions_that_the_tests_ran_with() -> None:
    development = _locked("requirements-dev.lock")
    assert {name: development.get(name) for name in _locked("deploy/requirements.lock")} == _locked(
        "deploy/requirements.lock"
    )


def test_the_image_holds_no_development_tools() -> None:
    tools = {"pytest", "mypy", "ruff", "hypothesis", "grpcio-tools", "buf-bin", "hatchling"}
    assert tools.isdisjoint(_locked("deploy/requirements.lock"))


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "deploy/requirements.lock"])
def test_a_lock_has_a_hash_for_every_version_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=\S)(?!#)", text, flags=re.MULTILINE)
    assert [entry.partition("\n")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []
    assert "://" not in text
