"""Are collections seeded as their manifests say, whatever goes wrong on the way, and without a value being told?"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aol.admin.v1 import admin_pb2, plan_pb2
from aol.admin.v1 import seed_pb2 as pb
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_adapters.memory.adapter import CAPABILITIES, MemoryAdapter
from aol_wire.adapter import Capability, Outcome, Write
from aol_wire.errors import DataError, Reason
from line import Line, TroubledAdapter
from manifest_samples import text

SECRET = "zqjx-hunter2"
Seeds = list[dict[str, Any]]


class FailingAdapter(TroubledAdapter):
    """The memory adapter, which stops in the middle of a write on request: after so many of its documents."""

    stops_after: int | None = None

    def __init__(self, *, atomic: bool) -> None:
        super().__init__()
        self._capabilities = CAPABILITIES if atomic else CAPABILITIES - {Capability.ATOMIC, Capability.ATOMIC_MANY}

    async def write(self, request: Write) -> list[Outcome]:
        if self.stops_after is None:
            return await super().write(request)
        done, self.stops_after = self.stops_after, None
        if not request.atomic:
            await MemoryAdapter.write(self, Write(request.target, request.mutations[:done]))
        raise DataError(Reason.ADAPTER_DOWN, "gone")


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def apply(line: Line, seeds: Seeds, **collection: Any) -> None:
    manifest = text("shop", "1", [{"name": "items", **collection, "seeds": seeds}])
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))
    assert reply.error is None, reply.error


async def seed(line: Line, variables: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the counts that are not 0."""
    reply = await line.operate("SeedCollection", pb.SeedCollectionRequest(collection="shop.items", variables=variables))
    assert reply.error is None, reply.error
    answer = pb.SeedCollectionResponse.FromString(reply.payload)
    return {field.name: value for field, value in answer.ListFields()}


async def refused(line: Line, variables: Mapping[str, str] | None = None) -> DataError:
    return await line.operator_refusal(
        "SeedCollection", pb.SeedCollectionRequest(collection="shop.items", variables=variables)
    )


async def stored(line: Line) -> list[dict[str, Any]]:
    """Return the documents, without what the broker made itself."""
    reply = await line.call("QueryData", data_pb2.QueryDataRequest(collection="items"), service="shop")
    assert reply.error is None, reply.error
    page = data_pb2.QueryDataResponse.FromString(reply.payload).page
    named = [{"_id": id_} if not id_.startswith("seed-") else {} for id_ in page.id]
    return sorted(({**one, **json.loads(text)} for one, text in zip(named, page.json, strict=True)), key=str)


async def change(line: Line, method: str, **arguments: Any) -> None:
    request = getattr(data_pb2, f"{method}Request")(collection="items", **arguments)
    reply = await line.call(method, request, service="shop")
    assert reply.error is None, reply.error


async def test_always_brings_documents_to_their_content_and_leaves_others_alone(line: Line) -> None:
    await apply(line, [{"condition": "always", "data": [{"_id": "a", "n": 1, "o": {"x": 1}}, {"_id": "b"}]}])
    assert await seed(line) == {"inserted": 2}
    await change(line, "UpdateData", filter='{"_id": "a"}', update='{"n": 2, "o.y": 2, "extra": true}')
    await change(line, "StoreData", document='{"_id": "c"}')
    assert await seed(line) == {"updated": 1, "unchanged": 1}
    assert await stored(line) == [{"_id": "a", "n": 1, "o": {"x": 1}}, {"_id": "b"}, {"_id": "c"}]
    assert await seed(line) == {"unchanged": 2}


async def test_if_missing_changes_no_document_that_is_there(line: Line) -> None:
    await apply(line, [{"condition": "if_missing", "data": [{"_id": "a", "n": 1}, {"_id": "b", "n": 1}]}])
    await change(line, "StoreData", document='{"_id": "a", "n": 7}')
    assert await seed(line) == {"inserted": 1, "skipped": 1}
    assert await stored(line) == [{"_id": "a", "n": 7}, {"_id": "b", "n": 1}]


async def test_if_empty_looks_at_the_whole_collection_once_for_all_seeds(line: Line) -> None:
    missing: Seeds = [{"condition": "if_missing", "data": {"_id": "m"}}]
    empty: Seeds = [
        {"condition": "if_empty", "data": [{"n": 1}, {"n": 1}]},
        {"condition": "if_empty", "data": {"n": 2}},
    ]
    await apply(line, missing + empty)
    assert await seed(line) == {"inserted": 4}
    await change(line, "DeleteData", filter='{"n": 1}')
    assert await seed(line) == {"skipped": 4}
    assert await stored(line) == [{"_id": "m"}, {"n": 2}]


async def test_a_document_is_found_again_by_its_key_who_ever_stored_it(line: Line) -> None:
    await apply(line, [{"condition": "always", "key": "email", "data": [{"email": "${ADMIN}", "admin": True}]}])
    await change(line, "StoreData", document='{"_id": "mine", "email": "a@b.c"}')
    assert await seed(line, {"ADMIN": "a@b.c"}) == {"updated": 1}
    assert await stored(line) == [{"_id": "mine", "email": "a@b.c", "admin": True}]
    assert await seed(line, {"ADMIN": "d@e.f"}) == {"inserted": 1}
    await change(line, "UpdateData", filter='{"email": "d@e.f"}', update='{"email": "else"}')
    assert await seed(line, {"ADMIN": "d@e.f"}) == {"updated": 1}
    assert len(await stored(line)) == 2


async def test_two_seeds_that_would_take_turns_at_one_document_are_refused(line: Line) -> None:
    seeds: Seeds = [{"condition": "always", "data": {"_id": "a", "k": 1, "n": 1}}]
    await apply(line, [*seeds, {"condition": "always", "key": "k", "data": {"k": 1, "n": 2}}])
    error = await refused(line)
    assert (error.reason, "1 of the seeded documents is stored" in error.message) == (Reason.BAD_REQUEST, True)
    await apply(line, [*seeds, {"condition": "if_missing", "key": "k", "data": {"k": 1, "n": 2}}])
    assert await seed(line) == {"unchanged": 1, "skipped": 1}


async def test_what_was_deleted_softly_stays_deleted(line: Line) -> None:
    seeds = [{"condition": "always", "data": {"_id": "a"}}, {"condition": "if_missing", "data": {"_id": "b"}}]
    await apply(line, seeds, softDelete=True)
    await seed(line)
    await change(line, "DeleteData", allow_all=True)
    assert await seed(line) == {"skipped": 2}
    assert await stored(line) == []


async def test_variables_have_values_that_nobody_reads_anywhere(line: Line) -> None:
    seeds = [{"condition": "always", "key": ["login"], "data": {"login": "${WHO}", "said": "$${WHO} is ${WHO}"}}]
    await apply(line, seeds)
    error = await refused(line)
    assert (error.reason, "WHO" in error.message) == (Reason.BAD_REQUEST, True)
    assert await seed(line, {"WHO": SECRET, "UNUSED": SECRET}) == {"inserted": 1}
    assert await stored(line) == [{"login": SECRET, "said": f"${{WHO}} is {SECRET}"}]
    records = line.records()
    [done, *_] = [item for item in records if item["operation"] == "seed" and item["outcome"] == "ok"]
    assert (done["collection"], done["grant"], done["result_count"]) == ("shop.items", "operator", 1)
    assert done["filters"] == {"inserted": 1, "updated": 0, "unchanged": 0, "skipped": 0}
    everything = json.dumps(records).encode() + (line.folder / "registry.db").read_bytes()
    assert SECRET.encode() not in everything + (line.folder / "registry.db-wal").read_bytes()


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ({"_id": "a", "password": "${V}"}, SECRET),
        ({"_id": "a", "n": "${V}"}, SECRET),
        ({"_id": "a", "x": "${V}"}, "\0"),
    ],
    ids=["secrets", "validation", "nul"],
)
async def test_seeded_documents_are_held_to_what_any_document_is(
    line: Line, document: dict[str, Any], value: str
) -> None:
    await apply(
        line,
        [{"condition": "always", "data": [{"_id": "good"}, document]}],
        validation="strict",
        schemaHint={"n": {"type": "string", "maxLength": 3}},
    )
    error = await refused(line, {"V": value})
    assert error.reason in (Reason.VALIDATION_FAILED, Reason.BAD_DOCUMENT)
    assert "document 2 of the seeds of 'shop.items'" in error.message
    assert SECRET not in str(error.violations) + error.message
    assert await stored(line) == []


async def test_values_do_not_make_documents_larger_than_seeds_may_be(line: Line) -> None:
    await apply(line, [{"condition": "if_empty", "data": [{"x": "${V}"} for _ in range(3)]}])
    error = await refused(line, {"V": "v" * 400_000})
    assert error.reason is Reason.TOO_LARGE
    assert await stored(line) == []


async def test_operators_and_the_owner_seed_and_only_what_the_manifest_says(line: Line) -> None:
    await apply(line, [])
    assert (await refused(line)).reason is Reason.BAD_REQUEST
    payload = pb.SeedCollectionRequest(collection="shop.items").SerializeToString()
    for service, reason in (("shop", Reason.BAD_REQUEST), ("bank", Reason.GRANT_MISSING), ("", Reason.NO_CREDENTIALS)):
        reply = await line.pipeline.handle("/aol.admin.v1.Admin/SeedCollection", payload, _peer_of(service))
        assert reply.error is not None
        assert reply.error.reason is reason


async def test_a_plan_shows_conditions_and_numbers_and_no_document(line: Line) -> None:
    manifest = text(
        "shop",
        "1",
        [{"name": "items", "seeds": [{"condition": "always", "data": [{"_id": "a", "said": SECRET}, {"_id": "b"}]}]}],
    )
    changes = await _planned(line, manifest)
    assert [(item.path, item.grade, item.after) for item in changes[1:]] == [
        ("shop.items.seeds", plan_pb2.CHANGE_GRADE_NEEDS_REVIEW, "always: 2 documents")
    ]
    assert SECRET not in str(changes)
    await apply(line, [{"condition": "if_empty", "data": {"x": 1}}])
    [change] = await _planned(line, text("shop", "1", [{"name": "items"}]))
    assert (change.grade, change.before) == (plan_pb2.CHANGE_GRADE_SAFE, "if_empty: 1 document")


async def _planned(line: Line, manifest: str) -> Sequence[plan_pb2.Change]:
    request = plan_pb2.PlanManifestsRequest()
    request.manifests.add(manifest=manifest)
    reply = await line.operate("PlanManifests", request)
    assert reply.error is None, reply.error
    return plan_pb2.PlanManifestsResponse.FromString(reply.payload).plan.changes


def _peer_of(service: str) -> Any:
    from aol_broker.request import Peer

    return Peer("test", service=service)


# Documents that some call has stored before, and seeds with and without ids and keys.
_N = st.integers(0, 3)
_SEED = st.one_of(
    st.builds(
        lambda condition, ids, n: {"condition": condition, "data": [{"_id": f"id{i}", "n": n} for i in ids]},
        st.sampled_from(("always", "if_missing", "if_empty")),
        st.lists(_N, min_size=1, max_size=4, unique=True),
        _N,
    ),
    st.builds(
        lambda condition, keys, n: {"condition": condition, "key": "k", "data": [{"k": k, "n": n} for k in keys]},
        st.sampled_from(("always", "if_missing", "if_empty")),
        st.lists(_N, min_size=1, max_size=4, unique=True),
        _N,
    ),
    st.builds(lambda ns: {"condition": "if_empty", "data": [{"n": n} for n in ns]}, st.lists(_N, min_size=1)),
)


def _without_repeats(seeds: Seeds) -> Seeds:
    seen: set[str] = set()
    for one in seeds:
        names = [(item, item.get("_id") or (f"k{item['k']}" if "k" in item else "")) for item in one["data"]]
        one["data"] = [item for item, name in names if not name or name not in seen]
        seen |= {name for _, name in names}
    return [one for one in seeds if one["data"]]


_SEEDS = st.lists(_SEED, min_size=1, max_size=4).map(_without_repeats)


@pytest.fixture(scope="module", params=[True, False], ids=["atomic", "one by one"])
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A broker for all examples, whose adapter can store many documents as one, or cannot."""
    with asyncio.Runner() as runner:
        made = Line(tmp_path_factory.mktemp("seeds"))
        made.adapter = FailingAdapter(atomic=request.param)
        runner.run(made.start())
        yield runner, made
        runner.run(made.stop())


@settings(max_examples=30, deadline=None)
@given(_SEEDS, st.booleans(), st.lists(st.integers(0, 5), max_size=3))
def test_seeding_that_failed_is_gone_on_with_and_again_is_no_harm(
    lines: Any, seeds: Seeds, filled: bool, stops: list[int]
) -> None:
    """Whatever stops it, how often, and where: in the end it is as if nothing had."""
    runner, line = lines

    async def come_to(stops: Sequence[int]) -> list[dict[str, Any]]:
        await line.operate("DropCollection", admin_pb2.DropCollectionRequest(collection="shop.items"))
        await apply(line, seeds)
        if filled:
            await change(line, "StoreData", document='{"_id": "id1", "n": 9, "k": 1}')
        for after in stops:
            line.adapter.stops_after = after
            await line.operate("SeedCollection", pb.SeedCollectionRequest(collection="shop.items"))
        line.adapter.stops_after = None
        await seed(line)
        assert set(await seed(line)) <= {"unchanged", "skipped"}
        return await stored(line)

    assert runner.run(come_to(stops)) == runner.run(come_to(()))
