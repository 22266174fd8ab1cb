"""Is everything that is refused, missing or away a message on stderr and an exit code?"""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("applied")]

Aol = Callable[..., Result]

OPERATORS_COMMANDS = [
    ["services"],
    ["collections"],
    ["grants"],
    ["grant", "cli-owner.tickets", "cli-reader", "read"],
    ["revoke", "cli-owner.tickets", "cli-reader"],
    ["collection", "drop", "cli-owner.tickets", "--yes"],
    ["access", "cli-reader"],
    ["access", "--collection", "cli-owner.tickets"],
    ["access", "check", "cli-reader", "query", "cli-owner.tickets"],
    ["audit", "tail"],
    ["audit", "search"],
]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["query", "cli-owner.tickets", "--as", "cli-stranger"], 3, "GRANT_MISSING"),
        (["query", "cli-owner.secrets", "--as", "cli-reader"], 3, "GRANT_PENDING"),
        (["query", "cli-owner.nothing", "--as", "cli-owner"], 4, "COLLECTION_NOT_FOUND"),
        (["query", "cli-owner.nothing", "--as", "cli-reader"], 3, "GRANT_MISSING"),
        (["query", "cli-owner.tickets", "--as", "cli-owner", "--filter", '{"a": {"$like": 1}}'], 2, "BAD_FILTER"),
        (["query", "cli-owner.tickets", "--as", "cli-owner", "--sort", "a..b"], 2, "BAD_PATH"),
        (["query", "a/../b", "--as", "cli-owner"], 2, "BAD_PATH"),
        (["describe", "cli-owner.nothing"], 4, "COLLECTION_NOT_FOUND"),
        (["describe", "cli-owner.tickets", "--as", "cli-stranger"], 3, "GRANT_MISSING"),
        (["grant", "cli-owner.nothing", "cli-reader", "read"], 4, "COLLECTION_NOT_FOUND"),
        (["grant", "cli-owner.tickets", "Not A Service", "read"], 2, "BAD_PATH"),
        (["revoke", "cli-owner.nothing", "cli-reader"], 4, "COLLECTION_NOT_FOUND"),
        (["collection", "drop", "cli-owner.nothing", "--yes"], 4, "COLLECTION_NOT_FOUND"),
        (["collection", "drop", "cli-owner.nothing"], 4, "COLLECTION_NOT_FOUND"),
        (["collection", "drop", "../x.y", "--yes"], 2, "BAD_PATH"),
        (["access", "--collection", "cli-owner.nothing"], 4, "COLLECTION_NOT_FOUND"),
        (["access", "Not A Service"], 2, "BAD_PATH"),
        (["access", "check", "cli-reader", "qury", "cli-owner.tickets"], 2, "BAD_REQUEST"),
        (["access", "check", "cli-reader", "query", "a/../b"], 2, "BAD_PATH"),
    ],
)
def test_what_the_broker_refuses_is_a_message_with_its_reason_and_an_exit_code(
    aol: Aol, arguments: list[str], code: int, reason: str
) -> None:
    for form in ([], [] if arguments[0] == "grant" else ["--json"]):
        done = aol(*arguments, *form, code=code)
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert reason in done.stderr


@pytest.mark.parametrize("arguments", OPERATORS_COMMANDS)
def test_an_operator_s_command_without_the_token_changes_nothing_and_says_where_it_looks(
    aol: Aol, arguments: list[str], tmp_path: Path
) -> None:
    missing = aol(*arguments, "--data-dir", str(tmp_path), code=3)
    assert "AOL_OPERATOR_TOKEN" in missing.stderr
    wrong = aol(*arguments, code=3, env={"AOL_OPERATOR_TOKEN": "a-token-that-is-wrong"})
    assert "BAD_CREDENTIALS" in wrong.stderr
    assert "a-token-that-is-wrong" not in wrong.stderr
    assert missing.stdout + wrong.stdout == ""


@pytest.mark.parametrize(
    "arguments", [*OPERATORS_COMMANDS, ["query", "a.b", "--as", "a"], ["describe", "a.b"], ["apply", "manifest.yaml"]]
)
def test_a_broker_that_does_not_answer_is_exit_code_5(aol: Aol, arguments: list[str], manifests: Path) -> None:
    arguments = [str(manifests) if part == "manifest.yaml" else part for part in arguments]
    done = aol(*arguments, "--endpoint", "127.0.0.1:1", code=5)
    assert "no broker answers at 127.0.0.1:1" in done.stderr
    assert done.stdout == ""
