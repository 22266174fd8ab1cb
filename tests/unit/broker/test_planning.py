"""How is each change graded, and which consumers does it name?"""

from dataclasses import replace
from typing import Any

import pytest

from aol_broker.planning.changes import Grade, Known
from aol_broker.planning.planner import stands
from aol_broker.registry.deployments import digest
from aol_broker.registry.snapshot import Permission, Snapshot
from aol_broker.usage.uses import Shape, ShapeUse
from manifest_samples import text
from planned_worlds import parsed, seen, version, world

ITEMS: dict[str, Any] = {
    "name": "items",
    "schemaHint": {"title": "string", "price": "number"},
    "indexes": [{"fields": ["title"], "type": "ascending"}],
    "sharing": [{"service": "bank", "permission": "read"}],
}
ASKS = [{"collection": "shop.items", "permission": "read", "reason": "sums"}]
OWNER, READER = text("shop", "1", [ITEMS]), text("bank", "1", [], ASKS)


def owner(**changed: Any) -> str:
    return text("shop", "1", [{**ITEMS, **changed}])


GRADES = {
    "description": (owner(description="Wares"), "shop.items.description", Grade.SAFE),
    "a field": (owner(schemaHint={**ITEMS["schemaHint"], "n": "number"}), "shop.items.schemaHint.n", Grade.SAFE),
    "a time": (
        owner(schemaHint={**ITEMS["schemaHint"], "at": "datetime"}),
        "shop.items.schemaHint.at",
        Grade.NEEDS_REVIEW,
    ),
    "a field goes": (owner(schemaHint={"title": "string"}), "shop.items.schemaHint.price", Grade.NEEDS_REVIEW),
    "a type": (
        owner(schemaHint={"title": "string", "price": "string"}),
        "shop.items.schemaHint.price",
        Grade.NEEDS_REVIEW,
    ),
    "an index": (
        owner(indexes=[*ITEMS["indexes"], {"fields": ["price"], "type": "ascending"}]),
        "shop.items.indexes.ascending(price)",
        Grade.SAFE,
    ),
    "a unique index": (
        owner(indexes=[*ITEMS["indexes"], {"fields": ["price"], "type": "unique"}]),
        "shop.items.indexes.unique(price)",
        Grade.NEEDS_REVIEW,
    ),
    "expiry": (
        owner(schemaHint={"at": "datetime"}, indexes=[{"fields": ["at"], "type": "ttl", "expireAfterSeconds": 60}]),
        "shop.items.indexes.ttl(at)",
        Grade.DESTRUCTIVE,
    ),
    "an index goes": (owner(indexes=[]), "shop.items.indexes.ascending(title)", Grade.SAFE),
    "strict": (owner(validation="strict"), "shop.items.validation", Grade.NEEDS_REVIEW),
    "warn": (owner(validation="warn"), "shop.items.validation", Grade.SAFE),
    "soft delete": (owner(softDelete=True), "shop.items.softDelete", Grade.NEEDS_REVIEW),
    "audit": (owner(audit="shape"), "shop.items.audit", Grade.NEEDS_REVIEW),
    "sensitive": (owner(sensitive=["title"]), "shop.items.sensitive", Grade.SAFE),
    "sharing more": (
        owner(sharing=[*ITEMS["sharing"], {"service": "other", "permission": "write"}]),
        "shop.items.sharing.other.write",
        Grade.SAFE,
    ),
    "sharing that nobody uses": (owner(sharing=[]), "shop.items.sharing.bank.read", Grade.SAFE),
    "a collection goes": (text("shop"), "shop.items", Grade.NEEDS_REVIEW),
    "a collection": (text("shop", "1", [ITEMS, {"name": "more"}]), "shop.more", Grade.SAFE),
    "the version": (text("shop", "2", [ITEMS]), "shop.metadata.version", Grade.SAFE),
    "only the text": (OWNER + "# words\n", "shop", Grade.SAFE),
    "a request": (text("shop", "1", [ITEMS], [{**ASKS[0], "collection": "bank.x"}]),
                  "shop.accessRequests.bank.x.read", Grade.SAFE),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADES)
def test_a_change_that_breaks_nobody_has_its_grade(name: str) -> None:
    after, path, grade = GRADES[name]
    changes = world(OWNER).plan(after)
    assert changes[path].grade is grade
    assert changes[path].reason
    assert max(change.grade for change in changes.values()) is grade


BREAKING = {
    "a field goes": (owner(schemaHint={"title": "string"}), "shop.items.schemaHint.price"),
    "a type": (owner(schemaHint={"title": "string", "price": "string"}), "shop.items.schemaHint.price"),
    "sharing narrows": (owner(sharing=[]), "shop.items.sharing.bank.read"),
    "a collection goes": (text("shop"), "shop.items"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_names_the_service_whose_manifest_asks_for_it(name: str) -> None:
    after, path = BREAKING[name]
    change = world(OWNER, READER).plan(after)[path]
    assert change.grade is Grade.BREAKING
    assert [(item.service, item.known, item.detail) for item in change.consumers] == [
        ("bank", Known.DECLARED, "version 2 of its manifest asks for read")
    ]


def test_every_version_that_still_runs_counts_and_not_only_the_last() -> None:
    known = world(OWNER, READER, older=[READER])
    change = known.plan(owner(schemaHint={"title": "string"}))["shop.items.schemaHint.price"]
    assert [item.detail for item in change.consumers] == [
        "version 1 of its manifest asks for read",
        "version 2 of its manifest asks for read",
    ]
    # A request that goes takes the access away from the versions that still run, the newest of now among them.
    gone = known.plan(text("bank", "2"))["bank.accessRequests.shop.items.read"]
    assert (gone.grade, len(gone.consumers)) == (Grade.BREAKING, 2)
    replaced = known.plan(text("bank", "2"), replaces={"bank"})["bank.accessRequests.shop.items.read"]
    assert replaced.grade is Grade.SAFE


def test_who_holds_a_grant_by_call_reads_too_and_keeps_it_when_sharing_ends() -> None:
    known = world(OWNER, granted=[("shop.items", "bank", Permission.READ)])
    changes = known.plan(owner(schemaHint={"title": "string"}, sharing=[]))
    assert [item.known for item in changes["shop.items.schemaHint.price"].consumers] == [Known.GRANTED]
    assert changes["shop.items.sharing.bank.read"].grade is Grade.SAFE


def test_who_only_waits_for_access_is_not_broken() -> None:
    waiting = world(owner(sharing=[]), READER)
    change = waiting.plan(owner(sharing=[], schemaHint={"title": "string"}))["shop.items.schemaHint.price"]
    assert (change.grade, change.consumers) == (Grade.NEEDS_REVIEW, ())


def test_what_was_seen_is_told_with_what_it_names_and_when_it_was_last_seen() -> None:
    uses = seen(
        ("bank", "query", "price", 1200, 77),
        ("bank", "query", "*", 1, 78),
        ("bank", "count", "title", 9, 79),
        ("shop", "query", "price", 1, 5),
        ("late", "query", "price", 1, 5),
    )
    change = world(OWNER, READER).plan(owner(schemaHint={"title": "string"}), uses=uses)["shop.items.schemaHint.price"]
    assert change.grade is Grade.BREAKING
    # The owner is not among them, as it is its own manifest; nor is who may not read it any more.
    assert [(item.service, item.detail, item.last_us) for item in change.consumers] == [
        ("bank", "version 2 of its manifest asks for read", 0),
        ("bank", "query naming price, 1,200 times", 77),
        ("bank", "query of whole documents, once", 78),
    ]


def test_who_may_not_see_a_field_does_not_lose_it() -> None:
    limited = owner(sharing=[{"service": "bank", "permission": "read", "fields": ["title"]}])
    uses = seen(("bank", "query", "*", 3, 78))
    change = world(limited, READER).plan(
        owner(sharing=[{"service": "bank", "permission": "read", "fields": ["title"]}], schemaHint={"title": "string"}),
        uses=uses,
    )["shop.items.schemaHint.price"]
    assert (change.grade, change.consumers) == (Grade.NEEDS_REVIEW, ())


def test_an_index_that_is_left_out_stays_in_the_database_and_its_users_are_named() -> None:
    shapes = [
        ShapeUse("shop", Shape(equal=(("title",),)), 2, 9),
        ShapeUse("bank", Shape(equal=(("price",),)), 2, 9),
        ShapeUse("bank", None, 3, 8),
        ShapeUse("late", Shape(equal=(("title",),)), 2, 9),
    ]
    change = world(OWNER, READER).plan(owner(indexes=[]), uses=seen(shapes=shapes))[
        "shop.items.indexes.ascending(title)"
    ]
    assert change.grade is Grade.NEEDS_REVIEW
    assert "stays in the database" in change.reason
    assert [(item.service, item.detail, item.last_us) for item in change.consumers] == [
        ("bank", "filters or sorts by fields that are not recorded, 3 times", 8),
        ("shop", "filters or sorts by title, 2 times", 9),
    ]


def test_a_shorter_hint_for_strict_writers_is_breaking_for_them() -> None:
    writer = text("bank", "1", [], [{**ASKS[0], "permission": "write"}])
    before = owner(sharing=[{"service": "bank", "permission": "write"}])
    changes = world(before, writer).plan(
        owner(sharing=[{"service": "bank", "permission": "write"}], validation="strict")
    )
    change = changes["shop.items.validation"]
    assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])


def test_removing_a_collection_tells_what_stays_and_how_much() -> None:
    change = world(OWNER).plan(text("shop"), documents={"shop.items": 1234})["shop.items"]
    assert "its 1,234 documents stay" in change.reason
    assert "aol collection drop shop.items" in change.reason


def test_a_request_tells_whether_it_is_granted_or_waits() -> None:
    known = world(OWNER)
    assert "at once" in known.plan(READER)["bank.accessRequests.shop.items.read"].reason
    writing = text("bank", "1", [], [{**ASKS[0], "permission": "write"}])
    assert "until shop agrees" in known.plan(writing)["bank.accessRequests.shop.items.write"].reason
    # The owner agrees in the same plan.
    both = world(text("shop"), text("bank")).plan(OWNER, READER)
    assert "at once" in both["bank.accessRequests.shop.items.read"].reason
    assert "has it at once" in both["shop.items.sharing.bank.read"].reason


def test_what_was_revoked_comes_back_by_another_text_and_the_plan_says_so() -> None:
    known = world(OWNER, READER, revoked=[("shop.items", "bank", Permission.READ)])
    change = known.plan(text("shop", "2", [ITEMS]))["shop.items.sharing.bank.read"]
    assert (change.before, change.grade) == ("revoked", Grade.NEEDS_REVIEW)
    assert "gives it back" in change.reason


def test_services_that_share_with_each_other_are_no_riddle() -> None:
    """Sharing is not handed on, so a circle of it gives nobody more than each of its links does."""
    names = ("a", "b", "c")
    circle = [
        text(
            name,
            "1",
            [{"name": "x", "sharing": [{"service": names[number - 1], "permission": "read"}]}],
            [{"collection": f"{names[(number + 1) % 3]}.x", "permission": "read", "reason": ""}],
        )
        for number, name in enumerate(names)
    ]
    changes = world(*(text(name) for name in names)).plan(*circle)
    assert {change.grade for change in changes.values()} == {Grade.SAFE}
    assert len([path for path in changes if ".sharing." in path]) == 3


def test_a_text_stands_as_long_as_its_collections_do() -> None:
    known = world(OWNER)
    newest = version(parsed(OWNER), sha256=digest(OWNER))
    assert stands(newest, digest(OWNER), known.snapshot)
    assert not stands(newest, digest(OWNER + " "), known.snapshot)
    assert not stands(None, digest(OWNER), known.snapshot)
    assert not stands(replace(newest, abstract=None), digest(OWNER), known.snapshot)
    assert not stands(newest, digest(OWNER), Snapshot())
