"""Does a plan look at every part that a manifest can have, and what do changes of each come to?"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from aol_broker.access.limits import Limits
from aol_broker.manifest.declaration import DeclaredCollection, Sharing
from aol_broker.planning.changes import Change, Grade
from aol_broker.registry.snapshot import Permission
from aol_broker.security.policy import SecurityPolicy
from aol_wire.field_rules import FieldRules
from aol_wire.storage import Storage
from manifest_samples import text
from planned_worlds import World, seen, world

READ = {"service": "bank", "permission": "read"}
ASKS = [{"collection": "shop.items", "permission": "read", "reason": "sums"}]
READER = text("bank", "1", [], ASKS)
WRITER = text("bank", "1", [], [{**ASKS[0], "permission": "write"}])
STRICT: dict[str, Any] = {"validation": "strict", "sharing": [{**READ, "permission": "write"}]}
AT = {"schemaHint": {"at": "datetime"}}


def owner(**said: Any) -> str:
    return text("shop", "1", [{"name": "items", **said}])


def changed(before: Mapping[str, Any], after: Mapping[str, Any], *others: str, **options: Any) -> dict[str, Change]:
    return world(owner(**before), *others).plan(owner(**after), **options)


# Of each part of a collection, one change, and the place where a plan shows it.
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "description": ({}, {"description": "Wares"}, "shop.items.description"),
    "schema_hint": ({}, {"schemaHint": {"n": "number"}}, "shop.items.schemaHint.n"),
    "field_rules": (
        {"schemaHint": {"n": "number"}},
        {"schemaHint": {"n": {"type": "number", "min": 1}}},
        "shop.items.schemaHint.n",
    ),
    "indexes": (AT, {**AT, "indexes": [{"fields": ["at"], "type": "ascending"}]}, "shop.items.indexes.ascending(at)"),
    "soft_delete": ({}, {"softDelete": True}, "shop.items.softDelete"),
    "validation": ({}, {"validation": "warn"}, "shop.items.validation"),
    "sharing": ({}, {"sharing": [READ]}, "shop.items.sharing.bank.read"),
    "audit": ({}, {"audit": "shape"}, "shop.items.audit"),
    "secrets": ({}, {"secrets": "warn"}, "shop.items.secrets"),
    "security": ({}, {"security": {"owner": True}}, "shop.items.security"),
    "seeds": ({}, {"seeds": [{"condition": "if_missing", "key": "a", "data": {"a": "x"}}]}, "shop.items.seeds"),
}
# What is chosen when a collection is made: a plan shows it then, and refuses to change it afterwards.
CHOSEN: dict[str, tuple[dict[str, Any], str]] = {
    "adapter": ({"storage": {"adapter": "other"}}, "adapter other"),
    "storage": ({"storage": {"tenancy": "schema"}}, "a schema for each tenant"),
}


def names(kind: type) -> set[str]:
    return {part.name for part in fields(kind)}


def test_each_part_that_a_manifest_can_have_is_looked_at_by_plans() -> None:
    """Who adds a part of a manifest adds what a change of it comes to, and a line here."""
    assert names(DeclaredCollection) == {"name", *PARTS, *CHOSEN}
    assert names(SecurityPolicy) == {"tenant", *SECURITY_PARTS}
    assert names(Sharing) == {"service", "permission", "limits"}
    assert {f"{part}_us" if part == "expires" else part for part in NARROWED} == names(Limits)
    assert {TO_PARTS.get(rule, rule) for rule in RULES} == names(FieldRules)
    assert names(Storage) == {"partition_by", "partition_interval", "retain_for_s", "tenancy", "shard_key"}


@pytest.mark.parametrize("part", PARTS)
def test_a_change_of_each_part_is_shown_where_it_is(part: str) -> None:
    before, after, path = PARTS[part]
    assert list(changed(before, after)) == [path]
    assert list(changed(after, before)) == [path]


@pytest.mark.parametrize("part", CHOSEN)
def test_what_is_chosen_when_a_collection_is_made_is_shown_then(part: str) -> None:
    said, shown = CHOSEN[part]
    assert shown in world().plan(owner(**said))["shop.items"].after


def test_how_a_new_collection_is_kept_is_shown_whole() -> None:
    storage = {"partitionBy": "at", "partitionInterval": "day", "retainFor": "30d"}
    made = world().plan(owner(**AT, storage=storage, security={"tenant": "required", "owner": True}))["shop.items"]
    assert "a partition for each day of at, documents kept for 2,592,000 s" in made.after
    assert "security by tenant required, owner" in made.after


# Of each rule: what it was, and what refuses more.
RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "required": ({"type": "string", "required": False}, {"type": "string", "required": True}),
    "enum": ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a"]}),
    "pattern": ({"type": "string"}, {"type": "string", "pattern": "^x"}),
    "min": ({"type": "number", "min": 1}, {"type": "number", "min": 2}),
    "max": ({"type": "number", "max": 2}, {"type": "number", "max": 1}),
    "minLength": ({"type": "string"}, {"type": "string", "minLength": 2}),
    "maxLength": ({"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 2}),
    "items": ({"type": "array", "items": "string"}, {"type": "array", "items": {"type": "string", "enum": ["a"]}}),
}
TO_PARTS = {"minLength": "min_length", "maxLength": "max_length"}


@pytest.mark.parametrize("rule", RULES)
def test_a_tighter_rule_breaks_who_writes_to_a_strict_collection_and_a_looser_one_nobody(rule: str) -> None:
    loose, tight = ({**STRICT, "schemaHint": {"x": rules}} for rules in RULES[rule])
    tightened = changed(loose, tight, WRITER)["shop.items.schemaHint.x"]
    assert (tightened.grade, [item.service for item in tightened.consumers]) == (Grade.BREAKING, ["bank"])
    assert changed(tight, loose, WRITER)["shop.items.schemaHint.x"].grade is Grade.SAFE
    # While only the owner writes, nobody else is harmed; and where documents are not held to rules, nobody at all.
    assert changed(loose, tight)["shop.items.schemaHint.x"].grade is Grade.NEEDS_REVIEW
    wide, narrow = ({**said, "validation": "warn"} for said in (loose, tight))
    assert changed(wide, narrow, WRITER)["shop.items.schemaHint.x"].grade is Grade.SAFE


def test_a_new_field_that_is_required_breaks_who_writes_to_a_strict_collection() -> None:
    hint = {"schemaHint": {"n": {"type": "number", "required": True}}}
    change = changed(STRICT, {**STRICT, **hint}, WRITER)["shop.items.schemaHint.n"]
    assert (change.grade, change.after) == (Grade.BREAKING, 'number {"required":true}')
    assert change.reason == "documents without it are refused, whoever writes them"


SECURITY_PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "owner": ({"attributes": [{"team": "$context.team"}]}, {"owner": True, "attributes": [{"team": "$context.team"}]}),
    "acl": ({"owner": True, "acl": True}, {"owner": True}),
    "attributes": ({"owner": True}, {"owner": True, "attributes": [{"team": "$context.team"}]}),
}


def secured(before: Any, after: Any, *permissions: Permission) -> Change:
    parts = [{"sharing": [READ], **({"security": said} if said else {})} for said in (before, after)]
    granted = [("shop.items", "bank", permission) for permission in permissions]
    return world(owner(**parts[0]), READER, granted=granted).plan(owner(**parts[1]))["shop.items.security"]


@pytest.mark.parametrize("part", SECURITY_PARTS)
def test_security_that_lets_less_through_breaks_who_may_not_say_on_whose_behalf_it_calls(part: str) -> None:
    wide, narrow = SECURITY_PARTS[part]
    for before in (None, wide):
        change = secured(before, narrow)
        assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])
        assert secured(before, narrow, Permission.ASSERT_CONTEXT).grade is Grade.NEEDS_REVIEW
        assert secured(before, narrow, Permission.BYPASS_SECURITY).grade is Grade.NEEDS_REVIEW
    assert secured(narrow, wide).grade is Grade.NEEDS_REVIEW


def test_security_that_goes_opens_documents_and_breaks_who_calls_with_a_context() -> None:
    change = secured({"owner": True}, None, Permission.ASSERT_CONTEXT)
    assert (change.grade, change.before, change.after) == (Grade.BREAKING, "owner", "")
    assert "documents are no longer kept to their owners" in change.reason
    assert "calls with a context are refused" in change.reason
    assert secured({"owner": True}, None, Permission.BYPASS_SECURITY).grade is Grade.NEEDS_REVIEW


# Limits, and narrower ones.
NARROWED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fields": ({}, {"fields": ["title"]}),
    "where": ({}, {"where": {"public": True}}),
    "expires": ({"expires": "2100-01-01T00:00:00Z"}, {"expires": "2099-01-01T00:00:00Z"}),
}


def shared(before: Mapping[str, Any], after: Mapping[str, Any], *others: str, **options: Any) -> Change:
    wide, narrow = ({"sharing": [{**READ, **limits}]} for limits in (before, after))
    return changed(wide, narrow, *others, **options)["shop.items.sharing.bank.read"]


@pytest.mark.parametrize("part", NARROWED)
def test_narrower_limits_break_who_has_access_by_them_and_wider_ones_nobody(part: str) -> None:
    wide, narrow = NARROWED[part]
    change = shared(wide, narrow, READER)
    assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])
    assert part in change.after or "until 2099" in change.after
    assert shared(wide, narrow).grade is Grade.SAFE
    assert shared(narrow, wide, READER).grade is Grade.SAFE


def test_fields_that_are_taken_away_break_who_was_seen_to_use_them_and_they_are_named() -> None:
    uses = seen(("bank", "query", "title", 9, 5), ("bank", "query", "price", 3, 7), ("bank", "query", "_id", 1, 7))
    change = shared({}, {"fields": ["title"]}, READER, uses=uses)
    assert change.grade is Grade.BREAKING
    assert [(item.detail, item.last_us) for item in change.consumers] == [
        ("version 2 of its manifest asks for read", 0),
        ("query naming price, 3 times", 7),
    ]
    whole = shared({}, {"fields": ["title"]}, READER, uses=seen(("bank", "query", "*", 1, 5)))
    assert [item.detail for item in whole.consumers][1:] == ["query of whole documents, once"]


def test_fields_that_are_taken_away_and_that_nobody_was_seen_to_use_need_review() -> None:
    change = shared({}, {"fields": ["title"]}, READER, uses=seen(("bank", "query", "title", 9, 5)))
    assert (change.grade, change.consumers) == (Grade.NEEDS_REVIEW, ())
    assert "no call was seen that uses what it loses" in change.reason


def test_who_keeps_access_by_a_grant_without_narrower_limits_loses_nothing() -> None:
    kept: World = world(owner(sharing=[READ]), READER, granted=[("shop.items", "bank", Permission.READ)])
    narrow = owner(sharing=[{**READ, "fields": ["title"]}])
    assert kept.plan(narrow)["shop.items.sharing.bank.read"].grade is Grade.SAFE


def test_sharing_of_what_record_level_security_is_about_is_planned_as_well() -> None:
    asserting = {"service": "bank", "permission": "assert-context"}
    asks = text("bank", "1", [], [{**ASKS[0], "permission": "assert-context"}])
    change = changed({"sharing": [asserting]}, {}, asks)["shop.items.sharing.bank.assert-context"]
    assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])
