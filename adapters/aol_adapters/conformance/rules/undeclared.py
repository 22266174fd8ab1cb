"""Does an adapter refuse what it does not declare? Then the broker can refuse it before it touches data."""

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, CollectionSpec
from aol_wire.errors import Reason
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage, Tenancy


@rule(Topic.DESCRIPTION, lacks=Capability.REGEX)
async def an_undeclared_regex_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `regex` answers `$regex` with CAPABILITY_UNSUPPORTED, in every call."""
    await _refuses_filter(trial, {"a": {"$regex": "^x"}})


@rule(Topic.DESCRIPTION, lacks=Capability.REGEX_FULL)
async def an_undeclared_full_regex_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `regex_full` answers a pattern of that level with CAPABILITY_UNSUPPORTED."""
    await _refuses_filter(trial, {"a": {"$regex": "(x+)+"}})


@rule(Topic.DESCRIPTION, lacks=Capability.TEXT)
async def an_undeclared_text_search_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `text` answers `$text` and a text index with CAPABILITY_UNSUPPORTED."""
    await _refuses_index(trial, {"fields": ["a"], "type": "text"})
    await _refuses_filter(trial, {"$text": "x"})


@rule(Topic.DESCRIPTION, lacks=Capability.UNIQUE)
async def an_undeclared_unique_index_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `unique` answers a unique index with CAPABILITY_UNSUPPORTED."""
    await _refuses_index(trial, {"fields": ["a"], "type": "unique"})


@rule(Topic.DESCRIPTION, lacks=Capability.TTL)
async def an_undeclared_ttl_index_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `ttl` answers a ttl index with CAPABILITY_UNSUPPORTED."""
    await _refuses_index(trial, {"fields": ["a"], "type": "ttl", "expireAfterSeconds": 60})


@rule(Topic.DESCRIPTION, lacks=Capability.ATOMIC)
async def an_undeclared_atomic_write_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `atomic` refuses such a write with CAPABILITY_UNSUPPORTED, changing nothing."""
    mutations = trial.insertion("1", {}), trial.insertion("2", {})
    await expect_refusal("an atomic write", trial.write(*mutations, atomic=True), Reason.CAPABILITY_UNSUPPORTED)
    expect_equal("documents after it", await trial.count(), 0)


@rule(Topic.DESCRIPTION, lacks=Capability.EXPLAIN)
async def an_undeclared_explanation_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `explain` answers it with CAPABILITY_UNSUPPORTED."""
    await expect_refusal("explain", trial.adapter.explain(trial.query()), Reason.CAPABILITY_UNSUPPORTED)


@rule(Topic.DESCRIPTION, lacks=Capability.PARTITION)
async def an_undeclared_partition_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `partition` refuses such a collection with CAPABILITY_UNSUPPORTED."""
    for by in (CREATED_AT, "at"):
        for interval in PartitionInterval:
            await _refuses_storage(trial, Storage(by, interval))
            await _refuses_storage(trial, Storage(by, interval, interval.longest_s))


@rule(Topic.DESCRIPTION, lacks=Capability.SHARDING)
async def an_undeclared_shard_key_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `sharding` answers a shard key with CAPABILITY_UNSUPPORTED."""
    for key in ("_id", "a.b"):
        await _refuses_storage(trial, Storage(shard_key=key))


@rule(Topic.DESCRIPTION, lacks=Capability.TENANCY)
async def an_undeclared_tenancy_is_refused(trial: Trial) -> None:
    """An adapter that does not declare `tenancy` answers one that is not shared with CAPABILITY_UNSUPPORTED."""
    for tenancy in (Tenancy.SCHEMA, Tenancy.DATABASE):
        await _refuses_storage(trial, Storage(tenancy=tenancy))


async def _refuses_filter(trial: Trial, filter_: Document) -> None:
    await trial.insert("1", {"a": "xx"})
    mutations = trial.change(filter_, {"b": 1}), trial.removal(filter_), trial.restoring(filter_)
    unsupported = Reason.CAPABILITY_UNSUPPORTED
    await expect_refusal("find", trial.ids(filter_), unsupported)
    await expect_refusal("find, under $not", trial.ids({"$not": filter_}), unsupported)
    await expect_refusal("count", trial.count(filter_), unsupported)
    for mutation in mutations:
        await expect_refusal(type(mutation).__name__.lower(), trial.apply(mutation), unsupported)
    kept = await trial.get("1")
    expect("the document is as it was", kept["a"] == "xx" and "b" not in kept)


async def _refuses_index(trial: Trial, index: Document) -> None:
    refused = trial.beside()
    await expect_refusal("an undeclared index", refused.ensure(index), Reason.CAPABILITY_UNSUPPORTED)
    await expect_refusal("an undeclared index, later", trial.ensure(index), Reason.CAPABILITY_UNSUPPORTED)
    expect_equal("the indexes after it", await trial.inspect(), ())


async def _refuses_storage(trial: Trial, storage: Storage) -> None:
    new = trial.beside()
    spec = CollectionSpec(new.target, {"at": "datetime"}, storage=storage)
    await expect_refusal("a collection kept so", new.adapter.ensure_collection(spec), Reason.CAPABILITY_UNSUPPORTED)
    await expect_refusal("a count in it", new.count(), Reason.COLLECTION_NOT_FOUND)


RULES: tuple[Rule, ...] = (
    an_undeclared_regex_is_refused,
    an_undeclared_full_regex_is_refused,
    an_undeclared_text_search_is_refused,
    an_undeclared_unique_index_is_refused,
    an_undeclared_ttl_index_is_refused,
    an_undeclared_atomic_write_is_refused,
    an_undeclared_explanation_is_refused,
    an_undeclared_partition_is_refused,
    an_undeclared_shard_key_is_refused,
    an_undeclared_tenancy_is_refused,
)
