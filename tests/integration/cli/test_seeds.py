"""Does applying manifests seed collections, with values that show nowhere, and go on after a failure?"""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from aol_client import AOLDataClient
from manifest_samples import text
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
SECRET = "zqjxseeded"
PEOPLE: dict[str, Any] = {
    "name": "people",
    "indexes": [{"fields": ["mail"], "type": "unique"}],
    "seeds": [
        {
            "condition": "if_missing",
            "key": "login",
            "data": [{"login": "root", "mail": "${SEED_ROOT}"}, {"login": "other", "mail": "${SEED_OTHER}"}],
        }
    ],
}
PLACES = {"name": "places", "seeds": [{"condition": "if_empty", "data": [{"city": "Bonn"}, {"city": "Ulm"}]}]}
VALUES = {"SEED_ROOT": f"{SECRET}@x", "SEED_OTHER": f"{SECRET}@y"}


def written(folder: Path, service: str) -> Path:
    path = folder / "manifest.yaml"
    path.write_text(text(service, "1", [PEOPLE, PLACES]))
    return path


async def mails(endpoint: str, service: str) -> list[str]:
    async with AOLDataClient(endpoint, service) as client:
        return sorted([document["mail"] for document in await client.query("people")])


def test_a_variable_that_is_not_set_is_named_with_its_line_and_nothing_is_applied(aol: Aol, tmp_path: Path) -> None:
    path = written(tmp_path, "seed-unset")
    [line] = [number for number, said in enumerate(path.read_text().splitlines(), 1) if "SEED_OTHER" in said]
    result = aol("apply", str(path), env={"SEED_ROOT": SECRET}, code=1)
    assert f"{path}:{line}: SEED_OTHER is not set" in result.stderr
    assert "SEED_ROOT" not in result.stderr
    assert "seed-unset" not in aol("services").stdout


def test_what_failed_is_gone_on_with_and_again_is_no_harm_and_no_value_is_told(
    aol: Aol, tmp_path: Path, broker: RunningBroker
) -> None:
    path = written(tmp_path, "seed-shop")
    assert "+ safe          people.seeds: if_missing: 2 documents\n" in aol("plan", str(path), code=2).stdout
    # The unique index takes the first and not the second.
    twice = {"SEED_ROOT": f"{SECRET}@x", "SEED_OTHER": f"{SECRET}@x"}
    results = [aol("apply", str(path), env=twice, code=1)]
    assert "  seeded   seed-shop.places: 2 inserted, 0 updated, 0 unchanged, 0 skipped\n" in results[0].stdout
    assert "the manifests are applied, and these seeds could not be stored; apply again to go on:" in results[0].stderr
    assert re.search(
        r"^  seed-shop\.people: .*1 of the seeded documents is stored; applying again", results[0].stderr, re.M
    )
    results.append(aol("apply", str(path), env=VALUES))
    assert results[1].stdout.splitlines()[-2:] == [
        "  seeded   seed-shop.people: 1 inserted, 0 updated, 0 unchanged, 1 skipped",
        "  seeded   seed-shop.places: 0 inserted, 0 updated, 0 unchanged, 2 skipped",
    ]
    results.append(aol("apply", str(path), "--json", env=VALUES))
    assert json.loads(results[2].stdout)["seeded"][0] == {
        "collection": "seed-shop.people",
        "inserted": 0,
        "updated": 0,
        "unchanged": 0,
        "skipped": 2,
    }
    assert asyncio.run(mails(broker.endpoint, "seed-shop")) == sorted(VALUES.values())
    assert all(SECRET not in result.output + result.stderr for result in results)
    holding = {file.name for file in broker.data_dir.rglob("*") if file.is_file() and SECRET in _read(file)}
    # The service's own database, and nothing of the registry, the audit or the logs.
    assert {name.partition(".")[0] for name in holding} == {"seed-shop"}


def test_up_seeds_before_it_is_ready(start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path) -> None:
    path = written(tmp_path, "seed-up")
    arguments = ("up", "--listen", "127.0.0.1:0", "--manifests", str(path))
    process = start(*arguments, env=VALUES)
    assert process.stdout is not None
    found = re.search(r"aol ready on (\S+)", process.stdout.readline())
    assert found is not None
    assert asyncio.run(mails(found.group(1), "seed-up")) == sorted(VALUES.values())


def _read(file: Path) -> str:
    return file.read_bytes().decode("latin-1")
