"""Advice: which index would serve a query, and what a log may show of it."""

import pytest
import yaml

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.advice import manifest_line, propose_index, shape_of_request
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from aol_wire.paths import parse_sort


def proposed(filters: str, sort: list[tuple[str, bool]] | None = None, *existing: IndexSpec) -> str:
    spec = propose_index(parse_filter(filters), parse_sort(sort or []), existing)
    return "" if spec is None else manifest_line(spec)


@pytest.mark.parametrize(
    ("filters", "sort", "line"),
    [
        ('{"stars": 5}', [], "- {fields: [stars], type: ascending}"),
        ('{"stars": {"$gt": 5}}', [], "- {fields: [stars], type: ascending}"),
        ("", [("said_at", True)], "- {fields: [said_at], type: descending}"),
        ('{"kind": "a"}', [("at", True)], "- {fields: [kind, {at: desc}], type: compound}"),
        ('{"at": {"$gte": 1}, "kind": "a"}', [], "- {fields: [kind, at], type: compound}"),
        ('{"at": {"$gte": 1}, "kind": "a"}', [("at", False)], "- {fields: [kind, at], type: compound}"),
        ('{"kind": {"$in": [1, 2]}, "a.b": 1}', [], "- {fields: [kind, a.b], type: compound}"),
        ('{"with space": 1}', [], '- {fields: ["with space"], type: ascending}'),
    ],
)
def test_equality_comes_first_then_the_order_then_a_range(
    filters: str, sort: list[tuple[str, bool]], line: str
) -> None:
    assert proposed(filters, sort) == line


@pytest.mark.parametrize(
    "filters", ['{"$or": [{"a": 1}, {"b": 2}]}', '{"a": {"$ne": 1}}', '{"_id": "x"}', '{"tags.0": 1}', "{}"]
)
def test_what_no_index_serves_is_given_no_advice(filters: str) -> None:
    assert proposed(filters) == ""


def test_an_index_that_is_there_already_is_not_proposed() -> None:
    there = parse_index({"fields": ["kind", "at"], "type": "compound"}, "indexes.0")
    assert proposed('{"kind": 1}', [], there) == ""
    assert proposed('{"at": 1}', [], there) != ""


def test_a_proposed_line_is_a_manifests_index() -> None:
    line = proposed('{"kind": 1, "a \\"b\\"": 2}', [("at", True)])
    (entry,) = yaml.safe_load(line)
    assert parse_index(entry, "indexes.0").name


def test_a_slow_query_is_told_by_its_shape_and_the_missing_index() -> None:
    request = pb.QueryDataRequest(collection="c", filter='{"kind": "canary"}')
    said = shape_of_request(request, CollectionRecord("s", "c", "memory"))
    assert said == {"filter": {"kind": "string"}, "proposed_index": "- {fields: [kind], type: ascending}"}
