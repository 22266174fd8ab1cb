"""Does what the page on security tells people to do work as it stands, and does `aol` show what comes of it?"""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aol_broker.settings import load_settings
from aol_client import AOLDataClient
from integration.cli.conftest import Aol
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "security.md").read_text()
BOB = '{"tenant": "north", "user": "bob", "teams": ["ward-3"], "attributes": {"regions": ["eu"]}}'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line.removeprefix("$ aol ")) for line in block.splitlines()]


@pytest.fixture(scope="module")
def answered(broker: RunningBroker, aol: Aol, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the documented program prints, once its manifest is applied."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "manifest.yaml").write_text(blocks("yaml")[0])
    aol("apply", str(folder / "manifest.yaml"))
    [program] = blocks("python")
    (folder / "notes.py").write_text(program.replace("127.0.0.1:50051", broker.endpoint))
    command = [sys.executable, str(folder / "notes.py")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    return ran.stdout


def test_the_notes_of_two_users_are_kept_apart_as_documented(answered: str) -> None:
    assert [answered] == blocks("text")


def test_a_query_is_made_on_somebodys_behalf(answered: str, aol: Aol) -> None:
    query = ("query", "clinic.notes", "--as", "clinic", "--json")
    [line] = aol(*query, "--context", BOB).stdout.splitlines()
    assert (json.loads(line)["_id"], json.loads(line)["_owner"]) == ("2", "ann")
    assert "its context lacks tenant, user, attributes.regions" in aol(*query, code=3).stderr
    for wrong in ("[]", "{", '{"usr": "bob"}'):
        assert "context" in aol(*query, "--context", wrong, code=2).stderr
    report = aol("explain", "clinic.notes", "--as", "clinic", "--context", BOB).stdout
    assert "documents  1 returned\n" in report, "how many there are besides is not told"


def test_a_collection_shows_its_security_and_the_documented_grants_work(answered: str, aol: Aol) -> None:
    described = aol("describe", "clinic.notes").stdout
    condition = '{"region": {"$in": "$context.regions"}}'
    assert f"\n  security     tenant required, owner, acl, {condition}\n" in described
    shown = json.loads(aol("describe", "clinic.notes", "--json").stdout)
    assert shown["security"] == {
        "tenant": "required",
        "owner": True,
        "acl": True,
        "attributes": [json.loads(condition)],
    }
    assert shown["permissions"] == ["read", "write", "admin", "assert-context"]
    for command in commands(blocks("console")[0]):
        assert aol(*command).stdout == f"reporting now has {command[3]} on clinic.notes.\n"
    granted = [
        json.loads(line)["permission"] for line in aol("grants", "--service", "reporting", "--json").stdout.splitlines()
    ]
    assert granted == ["bypass-security", "read"]
    assert len(aol("query", "clinic.notes", "--as", "reporting", "--json").stdout.splitlines()) == 3


def test_the_documented_searches_find_for_whom_calls_were_made(answered: str, aol: Aol) -> None:
    aol("grant", "clinic.notes", "auditor", "read")
    aol("grant", "clinic.notes", "auditor", "bypass-security")
    aol("query", "clinic.notes", "--as", "auditor")
    user, security = commands(blocks("console")[1])
    of_ann = [json.loads(line) for line in aol(*user, "--json").stdout.splitlines()]
    assert {(line["user"], line["tenant"], line["security"]) for line in of_ann} == {("ann", "north", "asserted")}
    assert {line["operation"] for line in of_ann} == {"insert", "query"}
    beyond = [json.loads(line) for line in aol(*security, "--json").stdout.splitlines()]
    assert "auditor" in {line["service"] for line in beyond}
    assert {line["user"] for line in beyond} == {""}
    assert aol("audit", "search", "--tenant", "nowhere", "--json").stdout == ""


def test_the_issuers_of_users_tokens_are_settings(tmp_path: Path) -> None:
    verifiers = "authentication: {verifiers: [{type: token}]}\n"
    (tmp_path / "broker.yaml").write_text(f"data_dir: {tmp_path}\n{verifiers}{blocks('yaml')[1]}")
    [issuer] = load_settings(tmp_path / "broker.yaml").security.user_tokens
    assert (issuer.audience, issuer.user_claim, list(issuer.attributes)) == ("aol-users", "sub", ["regions"])


TENANTS = """\
metadata: {name: cli-wards}
spec:
  dataRequirements:
    collections: [{name: beds, security: {tenant: required}}]
"""


async def _put_beds(endpoint: str) -> None:
    async with AOLDataClient(endpoint, "cli-wards") as client:
        for tenant, count in (("north", 3), ("south", 5)):
            beds = [{"number": number} for number in range(count)]
            await client.insert_many("beds", beds, context={"tenant": tenant})


def test_explain_tells_a_tenant_nothing_of_how_much_others_have(
    broker: RunningBroker, aol: Aol, tmp_path: Path
) -> None:
    (tmp_path / "manifest.yaml").write_text(TENANTS)
    aol("apply", str(tmp_path / "manifest.yaml"))
    asyncio.run(_put_beds(broker.endpoint))
    explain = ("explain", "cli-wards.beds", "--as", "cli-wards", "--filter", '{"number": {"$gte": 1}}', "--json")
    told = json.loads(aol(*explain, "--context", '{"tenant": "north"}').stdout)
    assert (told["returned_documents"], told["examined_documents"], told["estimated_documents"]) == (2, 0, 0)
    aol("grant", "cli-wards.beds", "cli-wards", "bypass-security")
    told = json.loads(aol(*explain).stdout)
    assert (told["returned_documents"], told["estimated_documents"]) == (6, 8)
    aol("revoke", "cli-wards.beds", "cli-wards", "bypass-security")
