"""How is each change graded, and which consumers does it name?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.planning.changes import Change, Grade, Known
from aol_broker.planning.consumers import Observed, Unobserved, Use
from aol_broker.planning.planner import Candidate, plan, stands
from aol_broker.registry.declaring import declared
from aol_broker.registry.deployments import Deployments, ManifestVersion, abstract_of, digest
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.snapshot import GrantKey, Permission, ServiceRecord, Snapshot
from manifest_samples import text

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


def parsed(manifest: str) -> Manifest:
    return parse_manifest(manifest, "manifest.yaml")


@dataclass(frozen=True)
class World:
    """A registry in which some manifests are applied."""

    manifests: Mapping[str, Manifest]
    snapshot: Snapshot
    deployments: Deployments

    def plan(self, *texts: str, observed: Observed | None = None, **options: Any) -> dict[str, Change]:
        """The changes that manifests make, by their paths."""
        planned = [parsed(item) for item in texts]
        candidates = [Candidate(item, self.manifests.get(item.service), 1) for item in planned]
        changes = plan(candidates, self.snapshot, self.deployments, observed or Unobserved(), **options)
        return {change.path: change for change in changes}


def version(manifest: Manifest, number: int = 1, sha256: str = "") -> ManifestVersion:
    return ManifestVersion(manifest.service, number, "", sha256, "operator", 1, "", 0, abstract_of(manifest))


def world(
    *texts: str,
    older: Sequence[str] = (),
    granted: Sequence[tuple[str, str, Permission]] = (),
    revoked: Sequence[tuple[str, str, Permission]] = (),
) -> World:
    manifests = {item.service: item for item in map(parsed, texts)}
    facts: defaultdict[GrantKey, Any] = defaultdict(lambda: defaultdict(list))
    collections = {}
    for manifest in manifests.values():
        for collection in manifest.collections:
            record = declared(None, manifest.service, collection, "sqlite")
            collections[record.collection_id] = record
            for item in collection.sharing:
                facts[record.collection_id, item.service]["shared"].append(Share(item.permission, item.limits))
        for request in manifest.access_requests:
            facts[request.collection_id, manifest.service]["requested"].append(AccessFact(request.permission, "", 1))
    for collection_id, service, permission in granted:
        facts[collection_id, service]["granted"].append(AccessFact(permission, "", 1, "operator"))
    for collection_id, service, permission in revoked:
        facts[collection_id, service]["revoked"].append(permission)
    grants = {key: grants_for(*key, **parts) for key, parts in facts.items()}
    snapshot = Snapshot(1, {name: ServiceRecord(name, 1, 1) for name in manifests}, collections, grants)

    def permissions(kind: str) -> dict[GrantKey, frozenset[Permission]]:
        found = {key: [getattr(item, "permission", item) for item in parts[kind]] for key, parts in facts.items()}
        return {key: frozenset(items) for key, items in found.items() if items}

    deployments = Deployments(
        1,
        {name: version(manifest, 2) for name, manifest in manifests.items()},
        tuple(version(parsed(item)) for item in older),
        permissions("shared"),
        permissions("revoked"),
        permissions("requested"),
    )
    return World(manifests, snapshot, deployments)


@dataclass(frozen=True)
class Seen:
    service: str
    verb: str
    path: str
    calls: int
    last_us: int


class Log:
    """Calls that were seen, by collection and path."""

    def __init__(self, *seen: tuple[str, str | None, Seen]) -> None:
        self._seen = seen

    def uses(self, collection_id: str, path: str | None) -> Sequence[Use]:
        return [use for id_, at, use in self._seen if id_ == collection_id and (path is None or at == path)]


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
    "secrets": (owner(secrets="off"), "shop.items.secrets", Grade.NEEDS_REVIEW),
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


def test_what_was_seen_is_told_with_when_it_was_last_seen() -> None:
    log = Log(
        ("shop.items", "price", Seen("bank", "query", "*", 1200, 77)),
        ("shop.items", "price", Seen("shop", "query", "price", 1, 5)),
    )
    change = world(OWNER).plan(owner(schemaHint={"title": "string"}), observed=log)["shop.items.schemaHint.price"]
    assert change.grade is Grade.BREAKING
    # The owner is not among them: it is its own manifest.
    assert [(item.service, item.detail, item.last_us) for item in change.consumers] == [
        ("bank", "query, 1,200 times", 77)
    ]


def test_an_index_that_is_left_out_stays_in_the_database_and_its_users_are_named() -> None:
    log = Log(
        ("shop.items", "title", Seen("shop", "query", "title", 2, 9)),
        # Whole documents are read by any index.
        ("shop.items", "title", Seen("bank", "query", "*", 2, 9)),
    )
    change = world(OWNER).plan(owner(indexes=[]), observed=log)["shop.items.indexes.ascending(title)"]
    assert change.grade is Grade.NEEDS_REVIEW
    assert "stays in the database" in change.reason
    assert [item.service for item in change.consumers] == ["shop"]


def test_a_shorter_hint_for_strict_writers_is_breaking_for_them() -> None:
    writer = text("bank", "1", [], [{**ASKS[0], "permission": "write"}])
    before = owner(sharing=[{"service": "bank", "permission": "write"}])
    changes = world(before, writer).plan(
        owner(sharing=[{"service": "bank", "permission": "write"}], validation="strict")
    )
    change = changes["shop.items.validation"]
    assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])


WRITES = [{"service": "bank", "permission": "write"}]
WRITER = text("bank", "1", [], [{**ASKS[0], "permission": "write"}])
REQUIRED = {**ITEMS["schemaHint"], "price": {"type": "number", "required": True}}


@pytest.mark.parametrize(
    ("validation", "manifests", "grade"),
    [
        ("off", [WRITER], Grade.SAFE),
        ("warn", [WRITER], Grade.SAFE),
        ("strict", [], Grade.NEEDS_REVIEW),
        ("strict", [WRITER], Grade.BREAKING),
    ],
    ids=["off", "warn", "strict, only the owner writes", "strict, another writes"],
)
def test_a_field_that_becomes_required_breaks_those_who_are_held_to_it(
    validation: str, manifests: list[str], grade: Grade
) -> None:
    before = owner(sharing=WRITES, validation=validation)
    after = owner(sharing=WRITES, validation=validation, schemaHint=REQUIRED)
    change = world(before, *manifests).plan(after)["shop.items.schemaHint.price.rules"]
    assert (change.grade, change.before, change.after) == (grade, "", "required")
    assert world(after, *manifests).plan(before)["shop.items.schemaHint.price.rules"].grade is Grade.SAFE


@pytest.mark.parametrize(
    ("before", "after", "grade"),
    [
        ({}, {"fields": ["title"]}, Grade.BREAKING),
        ({"fields": ["title"]}, {}, Grade.SAFE),
        ({"fields": ["title"]}, {"fields": ["title", "price"]}, Grade.SAFE),
        ({"fields": ["title", "price"]}, {"fields": ["title"]}, Grade.BREAKING),
        ({}, {"where": {"price": 1}}, Grade.BREAKING),
        ({"where": {"price": 1}}, {"where": {"price": 2}}, Grade.BREAKING),
        ({"where": {"price": 1}}, {}, Grade.SAFE),
    ],
    ids=["to fields", "to all fields", "to more", "to fewer", "to a condition", "to another", "to no condition"],
)
def test_sharing_that_reaches_less_is_breaking(before: dict[str, Any], after: dict[str, Any], grade: Grade) -> None:
    share = ITEMS["sharing"][0]
    known = world(owner(sharing=[{**share, **before}]), READER)
    change = known.plan(owner(sharing=[{**share, **after}]))["shop.items.sharing.bank.read"]
    assert (change.grade, bool(change.consumers)) == (grade, grade is Grade.BREAKING)


def test_a_field_that_is_not_shared_breaks_nobody_when_it_goes() -> None:
    sharing = [{**ITEMS["sharing"][0], "fields": ["title"]}]
    changes = world(owner(sharing=sharing), READER).plan(owner(sharing=sharing, schemaHint={"price": "number"}))
    assert changes["shop.items.schemaHint.title"].grade is Grade.BREAKING
    changes = world(owner(sharing=sharing), READER).plan(owner(sharing=sharing, schemaHint={"title": "string"}))
    assert changes["shop.items.schemaHint.price"].grade is Grade.NEEDS_REVIEW


def test_record_level_security_breaks_whoever_calls_without_a_context() -> None:
    secured = owner(security={"owner": True})
    change = world(OWNER, READER).plan(secured)["shop.items.security"]
    assert (change.grade, [item.service for item in change.consumers]) == (Grade.BREAKING, ["bank"])
    assert "refuses calls without a context" in change.reason
    assert world(OWNER).plan(secured)["shop.items.security"].grade is Grade.NEEDS_REVIEW
    # Access control lists let more in.
    listed = owner(security={"owner": True, "acl": True})
    assert world(secured, READER).plan(listed)["shop.items.security"].grade is Grade.NEEDS_REVIEW
    assert world(listed, READER).plan(secured)["shop.items.security"].grade is Grade.BREAKING


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
