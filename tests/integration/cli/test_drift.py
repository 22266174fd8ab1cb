"""Does `aol drift` show what differs, and mend manifests so that it does not differ any more?"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from aol_client import AOLDataClient
from aol_wire.datetimes import from_us
from aol_wire.ids import now_us

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
OWNER = """\
# Of the drifting shop
metadata: {name: drift-shop,  version: "1"}
spec:
  dataRequirements:
    collections:
      # What was ordered
      - name: orders
        schemaHint:
          status: string   # open, paid
          gone: string
        indexes:
          # For nobody
          - {fields: [idle], type: ascending}
          # For the list
          - {fields: [status], type: ascending}
        sharing: [{service: drift-bank, permission: read}, {service: drift-web, permission: read}]
"""
ASKS = """\
metadata: {{name: {name}}}
spec:
  dataRequirements:
    # What we need
    accessRequests:
      - {{collection: drift-shop.orders, permission: read}}   # to bill
"""
MENDED_OWNER = """\
# Of the drifting shop
metadata: {name: drift-shop,  version: "1"}
spec:
  dataRequirements:
    collections:
      # What was ordered
      - name: orders
        schemaHint:
          status: string   # open, paid
          colour: string
        indexes:
          # For nobody
          # For the list
          - {fields: [status], type: ascending}
          - {fields: [customer], type: ascending}
        sharing: [{service: drift-bank, permission: read}, {service: drift-web, permission: read}]
"""
MENDED_WEB = """\
metadata: {name: drift-web}
spec:
  dataRequirements:
    # What we need
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    texts = {"drift-shop": OWNER, **{name: ASKS.format(name=name) for name in ("drift-bank", "drift-web")}}
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "manifest.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def since(aol: Aol, environment: dict[str, str], folder: Path) -> str:
    """A moment after which the neighbours do what they do."""
    aol("apply", str(folder))
    moment = from_us(now_us())
    asyncio.run(_use(environment["AOL_ENDPOINT"]))
    return moment


async def _use(endpoint: str) -> None:
    async with AOLDataClient(endpoint, "drift-shop") as owner:
        for number in range(12):
            await owner.insert("orders", {"status": "open", "colour": "zqjx-red", "n": number} | {"n": None})
    async with AOLDataClient(endpoint, "drift-bank") as bank:
        await bank.query("drift-shop.orders", {"status": "open"})
        await bank.query("drift-shop.orders", {"customer": "zqjx-x"})


def findings(done: Result) -> set[tuple[str, str, str]]:
    assert done.stderr == ""
    items: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    return {(item["kind"], item["service"], item["subject"]) for item in items}


def test_drift_is_shown_with_what_mends_it_and_mended(aol: Aol, folder: Path, since: str) -> None:
    common = ["drift", "drift-shop", "--since", since]
    shown = aol(*common, code=1).stdout
    assert "drift-web holds read and has not read it." in shown
    assert "-> in the manifest of drift-web: take {collection: drift-shop.orders, permission: read} out of" in shown
    assert (
        "-> in the manifest of drift-shop: put {fields: [customer], type: ascending} into indexes of 'orders'" in shown
    )
    assert "zqjx" not in shown
    files = [*common, "--manifests", str(folder)]
    assert findings(aol(*files, "--json", code=1)) == {
        ("unused_grant", "drift-web", "read"),
        ("unused_index", "drift-shop", "ascending(idle)"),
        ("unserved_query", "drift-shop", "ascending(customer)"),
        ("unseen_field", "drift-shop", "gone"),
        ("unhinted_field", "drift-shop", "colour"),
        ("unhinted_field", "drift-shop", "n"),
    }
    # Of what is always null no type is known: that is for somebody to decide.
    mended = aol(*files, "--fix", code=1)
    assert f"Edited {folder / 'drift-shop' / 'manifest.yaml'}" in mended.stdout
    assert (folder / "drift-shop" / "manifest.yaml").read_text() == MENDED_OWNER
    assert (folder / "drift-web" / "manifest.yaml").read_text() == MENDED_WEB
    assert (folder / "drift-bank" / "manifest.yaml").read_text() == ASKS.format(name="drift-bank")
    aol("apply", "--allow", "breaking", str(folder))
    assert findings(aol(*files, "--json", code=1)) == {("unhinted_field", "drift-shop", "n")}
    assert aol(*files, "--sample", "0").stdout.startswith("No differences. Uses since ")


ODD = """\
metadata: {name: drift-odd}
spec:
  dataRequirements:
    collections:
      - indexes:
          - {fields: [idle], type: ascending}
        name: orders
"""


def test_a_file_that_cannot_be_edited_leaves_all_of_them_as_they_were(aol: Aol, tmp_path: Path) -> None:
    texts = {"a": OWNER.replace("drift-shop", "drift-even"), "b": ODD}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(text)
    aol("apply", str(tmp_path))
    refused = aol("drift", "--manifests", str(tmp_path), "--since", "0s", "--fix", code=1).stderr
    assert f"{tmp_path / 'b' / 'manifest.yaml'} cannot be edited" in refused
    assert "Nothing was written." in refused
    for name, text in texts.items():
        assert (tmp_path / name / "manifest.yaml").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--fix",), 2, "--manifests"),
        (("--manifests", "nowhere"), 2, "nowhere does not exist"),
        (("--since", "yesterday"), 2, "--since"),
        (("--sample", "1001"), 2, "--sample"),
        (("Not A Name",), 2, "service"),
    ],
)
def test_what_cannot_be_asked_is_refused(aol: Aol, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in aol("drift", *arguments, code=code).stderr
