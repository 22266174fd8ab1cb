"""Are the shipped manifests valid, and do they fit each other and the data?"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aol_broker.manifest.declaration import Manifest
from aol_broker.manifest.parse import parse_manifest
from examples.flights.dataset import Table
from examples.flights.documents import documents
from examples.flights.load import LOADS

SERVICES = ("delay-analytics", "flight-ops", "weather-station")


def text_of(repository: Path, service: str) -> str:
    return (repository / "manifests" / service / "manifest.yaml").read_text(encoding="utf-8")


@pytest.fixture
def manifests(repository: Path) -> dict[str, Manifest]:
    return {name: parse_manifest(text_of(repository, name), f"{name}/manifest.yaml") for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_valid_against_the_published_schema(repository: Path, service: str) -> None:
    schema: dict[str, Any] = json.loads((repository / "docs" / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(text_of(repository, service)), schema)


@pytest.mark.parametrize("service", SERVICES)
def test_its_first_line_lets_an_editor_find_the_schema(repository: Path, service: str) -> None:
    first = text_of(repository, service).splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    found = repository / "manifests" / service / first.removeprefix(prefix)
    assert found.resolve() == repository / "docs" / "manifest.schema.json"


def test_every_folder_has_the_manifest_of_its_service(manifests: dict[str, Manifest], repository: Path) -> None:
    assert sorted(folder.name for folder in (repository / "manifests").iterdir()) == list(SERVICES)
    assert {name: manifest.service for name, manifest in manifests.items()} == {name: name for name in SERVICES}


def test_every_access_request_is_shared_by_its_owner(manifests: dict[str, Manifest]) -> None:
    shared = {
        (f"{manifest.service}.{collection.name}", share.service, share.permission)
        for manifest in manifests.values()
        for collection in manifest.collections
        for share in collection.sharing
    }
    asked = {
        (request.collection_id, manifest.service, request.permission)
        for manifest in manifests.values()
        for request in manifest.access_requests
    }
    assert asked == shared
    assert {service for _, service, _ in asked} == {"delay-analytics"}


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.collection)
def test_the_hints_name_the_columns_of_the_data(manifests: dict[str, Manifest], load: Any) -> None:
    declared = {item.name: item for item in manifests[load.service].collections}[load.collection]
    first = next(documents(Table(load.table)))
    assert set(declared.schema_hint) == set(first) - {"_id"}
