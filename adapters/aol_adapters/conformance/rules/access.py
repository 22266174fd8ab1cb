"""Whose are documents, and whom do their access control lists name? How both change, and are asked for."""

from dataclasses import replace

import orjson

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, Count, Deleted
from aol_wire.errors import Reason
from aol_wire.filters import And, Compare, Contains, ContainsAny, Exists, Filter, Json, Not, Operator, Or, Path
from aol_wire.json_text import encode
from aol_wire.limits import (
    CONDITION_MAX_DEPTH,
    CONDITION_MAX_NODES,
    CONTAINS_ANY_MAX_ELEMENTS,
    FILTER_MAX_DEPTH,
    FILTER_MAX_NODES,
)
from aol_wire.metadata import ACL, OWNER

_READ: Path = (ACL, "read")
_WRITE: Path = (ACL, "write")
_MANY = 300


def _acl(read: list[Json], write: list[Json] | None = None) -> str:
    return encode({"read": read, "write": write or []})


def _of(owner: str) -> Filter:
    return Compare((OWNER,), Operator.EQ, owner)


def _open_to(owner: str, *entries: str, path: Path = _READ) -> Filter:
    return Or((_of(owner), ContainsAny(path, entries)))


def _access(document: Document) -> tuple[object, object]:
    """Return the owner and the list of a document that was read."""
    acl = document.get(ACL)
    return document.get(OWNER), None if acl is None else orjson.loads(acl)


@rule(Topic.ACCESS)
async def an_update_hands_documents_over(trial: Trial) -> None:
    """`owner` and `acl` of an update take the place of those of each document that matches, beside its operations or
    without any; what is empty removes them, what is absent leaves them alone. The version goes up by one."""
    await trial.write(
        trial.insertion("1", {"n": 1}, owner="ann", acl=_acl(["user:bob"])), trial.insertion("2", {"n": 2})
    )
    eve = {"read": ["user:eve"], "write": []}
    steps: list[tuple[Document | None, str | None, str | None, Document, tuple[object, object]]] = [
        (None, _acl(["user:eve"]), None, {"n": 1}, ("ann", eve)),
        (None, None, "eve", {"n": 1}, ("eve", eve)),
        ({"n": 5}, "", "kim", {"n": 5}, ("kim", None)),
        ({"n": 6}, None, None, {"n": 6}, ("kim", None)),
        (None, _acl([]), "", {"n": 6}, (None, {"read": [], "write": []})),
    ]
    for version, (update, acl, owner, content, expected) in enumerate(steps, 2):
        mutation = trial.handing({"_id": "1"}, update, acl=acl, owner=owner)
        expect_equal("affected", (await trial.apply(mutation)).affected, 1)
        after = await trial.get("1")
        expect_equal(f"{owner=}, {acl=}", _access(after), expected)
        expect_equal("the fields", {key: it for key, it in after.items() if key == "n"}, content)
        expect_equal("version and time", (after["_version"], after["_updated_at"]), (version, mutation.now_us))
    expect_equal("the other document", _access(await trial.get("2")), (None, None))


@rule(Topic.ACCESS)
async def a_filter_sees_a_change_of_access_at_once(trial: Trial) -> None:
    """Whoever is named by an owner or a list is found as soon as that is written, and not any more once it is gone."""
    secured = await _secured(trial)
    await secured.apply(secured.insertion("1", {}, owner="ann", acl=_acl(["user:bob"], ["user:bob"])))
    await secured.apply(secured.insertion("2", {}, owner="bob"))
    expect_equal("of bob", await secured.matching(_open_to("bob", "user:bob")), ["1", "2"])
    await secured.apply(secured.handing({"_id": "1"}, acl=_acl(["user:eve", "user:bob"], ["user:eve"])))
    expect_equal("read by bob", await secured.matching(ContainsAny(_READ, ("user:bob",))), ["1"])
    expect_equal("written by bob", await secured.matching(ContainsAny(_WRITE, ("user:bob",))), [])
    await secured.apply(secured.handing({}, acl="", owner="eve"))
    expect_equal("of bob afterwards", await secured.matching(_open_to("bob", "user:bob")), [])
    expect_equal("of eve", await secured.matching(_open_to("eve", "user:x")), ["1", "2"])


@rule(Topic.ACCESS)
async def a_failed_update_hands_nothing_over(trial: Trial) -> None:
    """Owner and list change with the operations of an update, or not at all."""
    await trial.apply(trial.insertion("1", {"n": "text"}, owner="ann", acl=_acl(["user:bob"])))
    before = await trial.get("1")
    failing = trial.apply(trial.handing({}, {"$inc": {"n": 1}}, acl=_acl([]), owner="eve"))
    await expect_refusal("a step that does not fit", failing, Reason.BAD_DOCUMENT)
    stale = replace(trial.handing({"_id": "1"}, acl="", owner=""), if_version=7)
    await expect_refusal("a version that is not there", trial.apply(stale), Reason.VERSION_MISMATCH)
    expect_equal("the document", await trial.get("1"), before)


@rule(Topic.ACCESS, Capability.ATOMIC)
async def an_atomic_write_that_fails_hands_nothing_over(trial: Trial) -> None:
    """An atomic write with a failure leaves owners and lists as they were, and what finds documents by them."""
    secured = await _secured(trial)
    await secured.apply(secured.insertion("1", {}, owner="ann", acl=_acl(["user:bob"])))
    handed = secured.handing({"_id": "1"}, acl=_acl(["user:eve"]), owner="eve")
    failing = secured.write(handed, secured.insertion("1", {"other": 1}), atomic=True)
    await expect_refusal("another document of this id", failing, Reason.DUPLICATE_ID)
    expect_equal("of ann and bob", await secured.matching(_open_to("ann", "user:bob")), ["1"])
    expect_equal("of eve", await secured.matching(_open_to("eve", "user:eve")), [])


@rule(Topic.ACCESS)
async def a_repeated_insert_changes_no_access(trial: Trial) -> None:
    """An insert of a document that is there and equal is a duplicate whoever owns it, and whatever its list says: it
    leaves both as they are."""
    await trial.apply(trial.insertion("1", {"n": 1}, owner="ann", acl=_acl(["user:bob"])))
    await trial.apply(trial.handing({}, acl=_acl(["user:eve"]), owner="eve"))
    before = await trial.get("1")
    for owner, acl in (("ann", _acl(["user:bob"])), ("eve", _acl(["user:eve"])), ("", "")):
        outcome = await trial.apply(trial.insertion("1", {"n": 1}, owner=owner, acl=acl))
        expect(f"the repetition with {owner=} is a duplicate", outcome.was_duplicate)
    expect_equal("the document", await trial.get("1"), before)


@rule(Topic.ACCESS)
async def contains_any_matches_arrays_with_one_of_the_strings(trial: Trial) -> None:
    """An array matches that has at least one of the strings as an element; nothing else does, and of no strings none.
    It looks into documents and into `_acl`, and its negation is the complement."""
    values: tuple[Json, ...] = (
        ["a"],
        ["b", "a"],
        ["x", 1, None, "b"],
        ["ab"],
        [["a"]],
        [{"a": "a"}],
        [1],
        [],
        "a",
        {"a": "a"},
        None,
        1,
    )
    secured = await _secured(trial)
    for each in (trial, secured):
        mutations = [
            each.insertion(f"{number:02}", {"v": value}, acl=encode({"read": value}))
            for number, value in enumerate(values)
        ]
        await each.write(*mutations, each.insertion("99", {}), each.insertion("98", {}, acl='["a"]'))
        everything = sorted([*(f"{number:02}" for number in range(len(values))), "98", "99"])
        for path in (("v",), _READ):
            for elements, expected in ((("a", "c"), ["00", "01"]), (("b",), ["01", "02"]), (("1", ""), []), ((), [])):
                condition = ContainsAny(path, elements)
                expect_equal(f"{condition}", await each.matching(condition), expected)
                others = [id_ for id_ in everything if id_ not in expected]
                expect_equal(f"not {condition}", await each.matching(Not(condition)), others)


@rule(Topic.ACCESS)
async def strange_names_in_lists_are_names(trial: Trial) -> None:
    """An entry of a list is any string; so is an owner, and so are those that are asked for."""
    secured = (await _secured(trial)).at(tenant="T\"'\\$.\u00e9")
    names = [
        "'",
        '"',
        "\\",
        "$.a",
        "[*]",
        "user:\u00e9\U0001f600",
        "%",
        "a\nb",
        "{}",
        " ",
        "x" * 900,
        "true",
        "null",
        "7",
    ]
    await secured.write(
        *(secured.insertion(f"{number:02}", {}, owner=it, acl=_acl([it])) for number, it in enumerate(names))
    )
    for number, name in enumerate(names):
        for condition in (_of(name), ContainsAny(_READ, (name,)), _open_to("nobody", "someone", name)):
            expect_equal(f"{name!r}", await secured.matching(condition), [f"{number:02}"])
    expect_equal("all of them", len(await secured.matching(ContainsAny(_READ, tuple(names)))), len(names))


@rule(Topic.ACCESS)
async def entries_of_one_tenant_open_nothing_of_another(trial: Trial) -> None:
    """Owners and entries of the same name are others in another tenant; across tenants all of them are found."""
    secured = await _secured(trial)
    for tenant in ("", "a", "b"):
        each = secured.at(tenant=tenant)
        await each.write(
            each.insertion("1", {"of": tenant}, owner="ann"), each.insertion("2", {}, acl=_acl(["team:ops"]))
        )
    condition = _open_to("ann", "team:ops")
    for tenant in ("", "a", "b"):
        expect_equal(f"in {tenant!r}", await secured.at(tenant=tenant).matching(condition), ["1", "2"])
    expect_equal("in all", len(await secured.at(tenant=None).matching(condition)), 6)
    expect_equal("in another one", await secured.at(tenant="c").matching(condition), [])


@rule(Topic.ACCESS)
async def what_is_kept_of_access_follows_documents(trial: Trial) -> None:
    """Deleting, restoring, purging, and inserting again leave nobody with more or less than what is there."""
    secured = await _secured(trial)
    mine = _open_to("ann", "user:ann")
    await secured.write(
        *(secured.insertion(str(number), {}, owner="ann" * (number % 2), acl=_acl(["user:ann"])) for number in range(6))
    )
    await secured.delete({"_id": {"$in": ["0", "1"]}})
    await secured.delete({"_id": {"$in": ["2", "3"]}}, soft=True)
    expect_equal("the living", await secured.matching(mine), ["4", "5"])
    deleted = await secured.documents(replace(secured.query(), filter=mine, deleted=Deleted.ONLY))
    expect_equal("the deleted", [it["_id"] for it in deleted], ["2", "3"])
    await secured.restore({"_id": "2"})
    await secured.purge({"_id": "3"})
    await secured.write(secured.insertion("0", {}, owner="eve"), secured.insertion("3", {}))
    expect_equal("afterwards", await secured.matching(mine), ["2", "4", "5"])
    expect_equal("counted", await secured.adapter.count(Count(secured.target, mine)), 3)


@rule(Topic.ACCESS)
async def a_collection_that_is_there_gets_what_access_needs(trial: Trial) -> None:
    """A collection that holds documents is ensured again with `owners` and `acls`. It answers as before, its indexes
    are those that were declared, and ensuring it without them takes nothing away."""
    index = {"fields": ["n"], "type": "ascending"}
    await trial.ensure(index)
    await trial.write(
        *(
            trial.insertion(f"{number:03}", {"n": number}, owner=f"u{number % 3}", acl=_acl([f"user:u{number % 5}"]))
            for number in range(30)
        )
    )
    mine = _open_to("u1", "user:u1")
    before = await trial.matching(mine)
    expect_equal("how many", len(before), 14)
    for owners, acls in ((True, False), (True, True), (False, False), (True, True)):
        ensured = await trial.ensure(index, owners=owners, acls=acls)
        expect_equal("the indexes", [status.spec.name for status in ensured.indexes], ["ascending(n)"])
        expect_equal("made", ensured.created, False)
        expect_equal(f"{owners=}, {acls=}", await trial.matching(mine), before)
    expect_equal("the indexes", [status.spec.name for status in await trial.inspect()], ["ascending(n)"])


@rule(Topic.ACCESS)
async def the_largest_condition_is_answered(trial: Trial) -> None:
    """A caller's largest filter is answered with the largest condition that a broker adds to it, in as many nodes, as
    deep, and with as many names in one list, as the contract's limits say."""
    secured = await _secured(trial)
    last = CONDITION_MAX_NODES - 5
    await secured.write(
        secured.insertion("1", {"n": 7}, acl=_acl(["user:0"])),
        secured.insertion("2", {"n": 7}, owner="u"),
        secured.insertion("3", {"n": 7}, acl=_acl([f"user:{last}"])),
        secured.insertion("4", {"n": 7}, owner="v", acl=_acl(["user:x"])),
    )
    leaves = tuple(Compare(("n",), Operator.EQ, number) for number in range(FILTER_MAX_NODES - 1))
    asked: Filter = Or(leaves)
    names = [f"user:{number}" for number in range(CONTAINS_ANY_MAX_ELEMENTS)]
    conditions: list[Filter] = [Contains(_READ, name) for name in names[: last + 1]]
    for condition in (Or((*conditions, _of("u"))), Or((_of("u"), ContainsAny(_READ, tuple(names))))):
        expect_equal("the widest", await secured.matching(And((asked, condition))), ["1", "2", "3"])
    deep: Filter = Exists(("n",), True)
    for number in range(2 * FILTER_MAX_DEPTH - 1):
        deep = Not(Not(deep)) if number == 0 else And((deep, Exists(("missing",), False)))
    for _ in range(CONDITION_MAX_DEPTH - 2):
        deep = And((deep, _open_to("u", "user:0")))
    expect_equal("the deepest", await secured.matching(deep), ["1", "2"])


@rule(Topic.ACCESS, Capability.EXPLAIN)
async def conditions_on_access_are_served(trial: Trial) -> None:
    """Where a collection is ensured with `owners` and `acls`, whoever owns a few of many documents, or is named by a
    few lists, is answered by looking at few, alone and beside another condition and an order; `uses_access` says so."""
    secured = trial.beside()
    await secured.ensure({"fields": ["n"], "type": "ascending"}, owners=True, acls=True)
    await secured.write(
        *(
            secured.insertion(
                f"{number:03}",
                {"n": number % 2, "m": number},
                owner="ann" if number % 60 == 0 else f"u{number}",
                acl=_acl(["role:all", "user:bob"] if number % 60 == 1 else ["role:all"]),
            )
            for number in range(_MANY)
        )
    )
    for condition, count in (
        (_of("ann"), 5),
        (ContainsAny(_READ, ("x", "user:bob")), 5),
        (_open_to("ann", "user:bob"), 10),
    ):
        for filter_, sort, expected in (
            (condition, (), count),
            (And((condition, Compare(("m",), Operator.GTE, 0))), ("-n",), count),
        ):
            query = replace(secured.query({}, *sort), filter=filter_)
            explanation = await secured.adapter.explain(query)
            expect_equal(f"returned by {filter_}", explanation.returned_documents, expected)
            expect(f"{filter_}: uses_access", explanation.uses_access)
            examined = explanation.examined_documents
            expect(f"{examined} of {_MANY} documents examined for {filter_} is few", examined <= 2 * count)


async def _secured(trial: Trial) -> Trial:
    secured = trial.beside()
    await secured.ensure(owners=True, acls=True)
    return secured


RULES: tuple[Rule, ...] = (
    an_update_hands_documents_over,
    a_filter_sees_a_change_of_access_at_once,
    a_failed_update_hands_nothing_over,
    an_atomic_write_that_fails_hands_nothing_over,
    a_repeated_insert_changes_no_access,
    contains_any_matches_arrays_with_one_of_the_strings,
    strange_names_in_lists_are_names,
    entries_of_one_tenant_open_nothing_of_another,
    what_is_kept_of_access_follows_documents,
    a_collection_that_is_there_gets_what_access_needs,
    the_largest_condition_is_answered,
    conditions_on_access_are_served,
)
