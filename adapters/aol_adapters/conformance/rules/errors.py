"""How does a call fail: for which reason, and without telling what?"""

import asyncio
from collections.abc import Awaitable, Callable

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, Count, Find, Mutation, Write
from aol_wire.errors import Applied, DataError, Reason

_Call = Callable[[], Awaitable[object]]

_SECRET = "s3cret@example.org"  # noqa: S105 - what an error must not tell


@rule(Topic.ERRORS)
async def a_collection_that_was_not_made_is_not_found(trial: Trial) -> None:
    """Every call about a collection that was not ensured is COLLECTION_NOT_FOUND, but `drop_collection`."""
    for missing in (trial.beside(), trial.at(service="nobody-has-this-name")):
        await _expect_refused(missing, Reason.COLLECTION_NOT_FOUND)


@rule(Topic.ERRORS)
async def a_refused_call_makes_no_collection(trial: Trial) -> None:
    """A call about a collection that is not there does not make it."""
    missing = trial.beside()
    await _expect_refused(missing, Reason.COLLECTION_NOT_FOUND)
    expect("it is made by the first ensure", (await missing.ensure()).created)


@rule(Topic.ERRORS, Capability.EXPLAIN)
async def explaining_a_missing_collection_is_refused(trial: Trial) -> None:
    """`explain` of a collection that was not ensured is COLLECTION_NOT_FOUND."""
    missing = trial.beside()
    call = missing.adapter.explain(missing.query())
    await expect_refusal("explain", call, Reason.COLLECTION_NOT_FOUND)


@rule(Topic.ERRORS)
async def a_call_whose_time_is_over_is_refused(trial: Trial) -> None:
    """A call with no time left is DEADLINE, and a write has changed nothing then, or says otherwise."""
    await trial.insert("1", {})
    calls: dict[str, _Call] = {
        "find": lambda: trial.adapter.find(Find(trial.target, timeout_s=0)),
        "count": lambda: trial.adapter.count(Count(trial.target, timeout_s=0)),
        "write": lambda: trial.adapter.write(Write(trial.target, [trial.insertion("2", {})], timeout_s=0)),
    }
    for name, call in calls.items():
        error = await expect_refusal(f"{name} with no time left", call(), Reason.DEADLINE)
        if name == "write" and error.applied is Applied.NO:
            expect_equal("documents", await trial.count(), 1)


@rule(Topic.ERRORS)
async def a_call_with_time_is_not_hurried(trial: Trial) -> None:
    """A call with enough time left is answered as one without a limit."""
    (outcome,) = await trial.adapter.write(Write(trial.target, [trial.insertion("1", {})], timeout_s=60))
    expect_equal("inserted", outcome.affected, 1)
    expect_equal("found", len((await trial.adapter.find(Find(trial.target, timeout_s=60))).page.id), 1)
    expect_equal("counted", await trial.adapter.count(Count(trial.target, timeout_s=60)), 1)


@rule(Topic.ERRORS)
async def an_error_does_not_tell_what_is_stored(trial: Trial) -> None:
    """No error of a write holds a value of a document, neither of the one that is stored nor of the one that comes."""
    indexed = await trial.fresh({"fields": ["a.b"], "type": "ascending"})
    await indexed.fill({"1": {"s": _SECRET, "n": 1}, "2": {"s": _SECRET, "a": {"b": _SECRET}}})
    mutations: dict[Reason, list[Mutation]] = {
        Reason.DUPLICATE_ID: [indexed.insertion("1", {"s": _SECRET})],
        Reason.BAD_DOCUMENT: [
            indexed.insertion("3", {"a": {"b": [_SECRET]}}),
            indexed.insertion("3", {"a": {"b": _SECRET * 100}}),
            indexed.change({"_id": "1"}, {"a.b": {_SECRET[:6]: 1}}),
            indexed.change({"s": _SECRET}, {"$inc": {"s": 1}}),
            indexed.change({"s": _SECRET}, {"s.x": _SECRET}),
        ],
        Reason.MAX_AFFECTED_EXCEEDED: [indexed.removal({"s": _SECRET}, max_affected=1)],
        Reason.VERSION_MISMATCH: [indexed.change({"_id": "1"}, {"s": _SECRET}, if_version=9)],
    }
    for reason, refused in mutations.items():
        for mutation in refused:
            error = await expect_refusal(f"a mutation that fails with {reason}", indexed.apply(mutation), reason)
            expect(f"{reason} tells no value", _SECRET[:6] not in f"{error} {vars(error)}")


@rule(Topic.ERRORS)
async def hostile_text_in_filters_is_data(trial: Trial) -> None:
    """Text that means something to a database is compared as text: nothing more is found, and nothing is harmed."""
    texts = ["' OR 1=1 --", '"; DROP TABLE x; --', "$where", "*", "%", "\\", "{$gt: ''}", "__proto__", "\u202e", "?"]
    await trial.fill({f"{number}": {"v": text, "o": {text.strip("$"): 1}} for number, text in enumerate(texts)})
    for number, text in enumerate(texts):
        conditions: list[Document] = [{"v": text}, {"v": {"$in": [text]}}, {"v": {"$gte": text, "$lte": text}}]
        for condition in conditions:
            expect_equal(f"found by {condition}", await trial.ids(condition), [f"{number}"])
    expect_equal("documents", await trial.count(), len(texts))


@rule(Topic.ERRORS)
async def a_cancelled_call_does_no_harm(trial: Trial) -> None:
    """Calls that are cancelled end, whatever they had done, and the adapter goes on answering."""
    await trial.fill({f"{number:03}": {"n": number} for number in range(200)})
    calls = [asyncio.ensure_future(trial.ids({"n": {"$gte": 0}}, "-n")) for _ in range(10)]
    calls += [asyncio.ensure_future(trial.ids({"$not": {"n": number}})) for number in range(10)]
    writes = [asyncio.ensure_future(trial.insert(f"new-{number}", {"n": -1})) for number in range(10)]
    await asyncio.sleep(0)
    for call in (*calls, *writes):
        call.cancel()
    results = await asyncio.gather(*calls, *writes, return_exceptions=True)
    ended = (asyncio.CancelledError, DataError, list)
    expect("they are cancelled, or ended before", all(isinstance(each, ended) for each in results[: len(calls)]))
    expect_equal("counted afterwards", await trial.count({"n": {"$gte": 0}}), 200)
    expect_equal("inserted afterwards", (await trial.insert("last", {"n": 1})).affected, 1)


async def _expect_refused(trial: Trial, reason: Reason) -> None:
    mutations: tuple[Mutation, ...] = (
        trial.insertion("1", {}),
        trial.change({}, {"a": 1}),
        trial.removal({}),
        trial.restoring({}),
    )
    calls: dict[str, _Call] = {
        "find": lambda: trial.adapter.find(trial.query()),
        "find by a filter": lambda: trial.ids({"a": 1}, "b"),
        "count": trial.count,
        "inspect": trial.inspect,
    }
    for name, call in calls.items():
        await expect_refusal(name, call(), reason)
    for mutation in mutations:
        await expect_refusal(type(mutation).__name__, trial.write(mutation), reason)


RULES: tuple[Rule, ...] = (
    a_collection_that_was_not_made_is_not_found,
    a_refused_call_makes_no_collection,
    explaining_a_missing_collection_is_refused,
    a_call_whose_time_is_over_is_refused,
    a_call_with_time_is_not_hurried,
    an_error_does_not_tell_what_is_stored,
    hostile_text_in_filters_is_data,
    a_cancelled_call_does_no_harm,
)
