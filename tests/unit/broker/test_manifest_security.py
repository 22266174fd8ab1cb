"""Does a manifest say which documents a call reaches, and is what it says wrong told with its line and place?"""

import pytest

from aol_broker.manifest import parse_manifest
from aol_broker.security.conditions import fill_in
from aol_broker.security.context import make_context
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy, TenantRule
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter_object
from aol_wire.filters import Json

MANIFEST = """\
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - {name: notes, %s}
"""
REGIONS = '{region: {"$in": "$context.regions"}}'
LEVEL = '{level: {"$lte": "$context.level"}}'
DEEP = '{"$or": [{a.b: "$context.level"}, {"$not": {"$and": [{c: {"$in": ["$context.user", x]}}]}}]}'
LARGE = f'{{"$or": [{", ".join(f"{{a: {number}}}" for number in range(20))}]}}'
MANY = ", ".join(f"{{b: {number}, {LARGE[1:-1]}}}" for number in range(7))


def declared(said: str) -> SecurityPolicy:
    return parse_manifest(MANIFEST % said, "manifest.yaml").collections[0].security


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("description: x", NO_SECURITY),
        ("security: {tenant: required}", SecurityPolicy(TenantRule.REQUIRED)),
        ("security: {tenant: optional, owner: false}", SecurityPolicy(TenantRule.OPTIONAL)),
        ("security: {owner: true, acl: true}", SecurityPolicy(owner=True, acl=True)),
        (
            f"security: {{attributes: [{REGIONS}, {LEVEL}, {REGIONS}]}}",
            SecurityPolicy(attributes=('{"level":{"$lte":"$context.level"}}', '{"region":{"$in":"$context.regions"}}')),
        ),
    ],
)
def test_it_says_which_documents_a_call_reaches(said: str, policy: SecurityPolicy) -> None:
    assert declared(said) == policy


def test_the_order_of_conditions_says_nothing() -> None:
    one, other = (
        declared(f"security: {{attributes: [{pair}]}}") for pair in (f"{REGIONS}, {LEVEL}", f"{LEVEL}, {REGIONS}")
    )
    assert one == other


@pytest.mark.parametrize(
    ("security", "place", "word"),
    [
        ("{}", "", "it says nothing"),
        ("{owner: false}", "", "it says nothing"),
        ("{tenant: requird}", ".tenant", "did you mean 'required'?"),
        ("{owner: 1}", ".owner", "boolean"),
        ("{owners: true}", ".owners", "did you mean 'owner'?"),
        ("{acl: true}", ".acl", "needs owner"),
        ("{attributes: {a: b}}", ".attributes", "list"),
        ("{attributes: [a]}", ".attributes[0]", "dictionary"),
        ("{attributes: [{}]}", ".attributes[0]", "not empty"),
        ('{attributes: [{a: {"$inn": "$context.x"}}]}', ".attributes[0].a.$inn", "did you mean $in?"),
        ('{attributes: [{a: 1}, {a: {"$in": "x"}}]}', ".attributes[1].a.$in", "list"),
        ('{attributes: [{a: {"$regex": "$context.x"}}]}', ".attributes[0]", "$regex cannot stand"),
        ('{attributes: [{"$text": x}]}', ".attributes[0]", "$text cannot stand"),
        ('{attributes: [{_owner: "$context.user"}]}', ".attributes[0]._owner", "about the document"),
        ('{attributes: [{a: "$context."}]}', ".attributes[0]", "the name of an attribute"),
        ('{attributes: [{a: "$context.teams"}]}', ".attributes[0]", "is a list"),
        ('{attributes: [{a: {"$in": "$context.user"}}]}', ".attributes[0]", "is one value"),
        ('{attributes: [{a: {"$exists": "$context.x"}}]}', ".attributes[0].a.$exists", "true or false"),
        ('{attributes: [{"a..b": 1}]}', ".attributes[0].a..b", "no empty segments"),
        (f"{{attributes: [{', '.join(f'{{a: {number}}}' for number in range(17))}]}}", ".attributes", "16"),
        (f"{{attributes: [{{a: {'x' * 5000}}}]}}", ".attributes[0]", "4,096"),
        (f"{{attributes: [{MANY}]}}", ".attributes", "128 nodes"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_wrong_is_told_with_its_place(security: str, place: str, word: str) -> None:
    with pytest.raises(DataError) as refused:
        declared(f"security: {security}")
    assert refused.value.reason is Reason.BAD_MANIFEST
    assert f"manifest.yaml:5 spec.dataRequirements.collections[0].security{place}: " in refused.value.message
    assert word in refused.value.message


@pytest.mark.parametrize(
    ("condition", "filled"),
    [
        (REGIONS, {"region": {"$in": ["eu", "us"]}}),
        (LEVEL, {"level": {"$lte": 2}}),
        (DEEP, {"$or": [{"a.b": 2}, {"$not": {"$and": [{"c": {"$in": ["ann", "x"]}}]}}]}),
        ('{team: {"$in": "$context.teams"}}', {"team": {"$in": ["dev", "ops"]}}),
        ('{a: "$contextual", b: context.user}', {"a": "$contextual", "b": "context.user"}),
    ],
)
def test_a_condition_is_filled_in_with_what_the_context_says(condition: str, filled: Json) -> None:
    context = make_context("north", "ann", ["ops", "dev"], [], {"regions": ["eu", "us"], "level": 2})
    [text] = declared(f"security: {{attributes: [{condition}]}}").attributes
    assert fill_in(text, context, frozenset()) == parse_filter_object(filled)


def test_date_times_in_conditions_are_compared_as_times() -> None:
    context = make_context("", "ann", [], [], {"since": "2025-11-22"})
    [text] = declared('security: {attributes: [{at: {"$gte": "$context.since"}}]}').attributes
    expected = parse_filter_object({"at": {"$gte": "2025-11-22T00:00:00.000000Z"}})
    assert fill_in(text, context, frozenset({("at",)})) == expected


def test_what_a_context_says_is_a_value_and_never_a_filter() -> None:
    context = make_context("", "ann", [], [], {"region": '{"$ne": null}', "regions": ["$context.user", "$in"]})
    policy = declared('security: {attributes: [{a: "$context.region"}, {b: {"$in": "$context.regions"}}]}')
    first, second = (fill_in(text, context, frozenset()) for text in policy.attributes)
    assert first == parse_filter_object({"a": '{"$ne": null}'})
    assert second == parse_filter_object({"b": {"$in": ["$context.user", "$in"]}})


@pytest.mark.parametrize("value", [1, True, 1.0, "1"], ids=repr)
def test_values_that_are_equal_in_python_are_told_apart(value: Json) -> None:
    [text] = declared('security: {attributes: [{a: "$context.x"}]}').attributes
    filled = fill_in(text, make_context("", "ann", [], [], {"x": value}), frozenset())
    assert repr(filled) == repr(parse_filter_object({"a": value}))
