"""Is a plan reported in words that say what to do, and is bad usage refused?"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aol_cli.app import app
from aol_cli.commands.explain import report
from aol_client import QueryPlan

LINE = "- {fields: [carrier, {dep_delay: desc}], type: compound}"
SCAN = QueryPlan(True, False, "", 336_776, 336_776, 20, LINE)
SERVED = QueryPlan(True, True, "compound(carrier, dep_delay desc)", 336_776, 20, 20, "")


def test_a_scan_is_reported_with_the_line_that_would_add_the_index() -> None:
    assert report(SCAN, filtered=True, sorts=True) == [
        "index      none: all documents are looked at",
        "filter     pushed down to the database",
        "order      not pushed down: what was found is sorted",
        "documents  336,776 examined, 20 returned, of about 336,776",
        "",
        "An index would help. In the owner's manifest, under the collection's indexes:",
        f"  {LINE}",
    ]


def test_a_query_that_an_index_serves_is_reported_without_advice() -> None:
    assert report(SERVED, filtered=True, sorts=True) == [
        "index      compound(carrier, dep_delay desc)",
        "filter     pushed down to the database",
        "order      pushed down: documents are read in order",
        "documents  20 examined, 20 returned, of about 336,776",
    ]


def test_a_query_without_filter_and_order_is_said_to_be_one() -> None:
    lines = report(QueryPlan(True, True, "key", 3, 3, 3, ""), filtered=False, sorts=False)
    assert lines[:3] == [
        "index      the documents' ids",
        "filter     none",
        "order      pushed down: documents are read in order (by id)",
    ]


def test_a_query_that_is_served_by_whose_documents_are_says_so() -> None:
    lines = report(QueryPlan(True, False, "access", 5000, 10, 10, ""), filtered=True, sorts=True)
    assert lines[0] == "index      the documents' owners and access lists"


def test_a_filter_that_the_database_does_not_evaluate_is_said_to_be_the_adapter_s_work() -> None:
    lines = report(QueryPlan(False, False, "", 3, 3, 3, ""), filtered=True, sorts=False)
    assert lines[1].startswith("filter     not pushed down: the adapter")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["explain"], "COLLECTION"),
        (["explain", "a.b"], "--as"),
        (["explain", "a.b", "--as", "a", "--limit", "0"], "--limit"),
        (["explain", "a.b", "--as", "a", "--limit", "many"], "--limit"),
        (["explain", "a.b", "--as", "a", "--sort", "x:down"], "FIELD:desc"),
        (["explain", "a.b", "--as", "a", "--filter", "{"], "--filter"),
        (["explain", "a.b", "--as", "a", "--filter", "[1]"], "JSON object"),
        (["explain", "a.b", "--as", "a", "--deleted", "yes"], "--deleted"),
        (["explain", "a.b", "--as", "Not A Service"], "service name"),
        (["explain", "a.b", "--as", "a", "--endpoint", "nowhere"], "HOST:PORT"),
        (["query", "a.b", "--as", "a", "--deleted", "yes"], "--deleted"),
    ],
)
def test_bad_usage_is_exit_code_2_with_a_hint_on_stderr(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr
    assert "Traceback" not in result.stderr


def test_a_filter_that_is_refused_is_not_repeated() -> None:
    result = CliRunner().invoke(app, ["explain", "a.b", "--as", "a", "--filter", '{"name": "a secret word'])
    assert result.exit_code == 2
    assert "secret" not in result.stderr


def test_a_broker_that_does_not_answer_is_exit_code_5() -> None:
    result = CliRunner().invoke(app, ["explain", "a.b", "--as", "a", "--endpoint", "127.0.0.1:1"])
    assert (result.exit_code, result.stdout) == (5, "")
    assert "no broker answers at 127.0.0.1:1" in result.stderr
