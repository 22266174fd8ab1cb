"""Which indexes does no query use, and which queries does no index serve? By the shapes that were counted.

An index counts as used where a filter names its first field in any way, or a sort order begins with it: what a database
really makes of it is its own affair, so this says too rarely rather than too often that an index is of no use.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aol_broker.advice import manifest_line, propose_for
from aol_broker.drift.finding import Edit, Finding, Kind, Known, Section
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.usage.uses import Shape, ShapeUse
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.metadata import ID
from aol_wire.paths import format_path


class _Unserved(NamedTuple):
    calls: int
    services: frozenset[str]


def unused_indexes(known: Known) -> Iterator[Finding]:
    """Yield declared indexes that were there all the time, and that nothing used. Those that do more are left out."""
    for record in _declared(known):
        shapes = known.uses.shapes(record.collection_id)
        manifest, before = known.manifests[record.service], known.before.get(record.service)
        if before is None or any(use.shape is None for use in shapes):
            continue
        stood = {index for item in before.collections if item.name == record.name for index in item.indexes}
        now = {index for item in manifest.collections if item.name == record.name for index in item.indexes}
        for index in record.indexes:
            if index in stood & now and not has_effect(index) and not is_used(index, shapes):
                edit = Edit(record.service, Section.INDEXES, entry_of(index), record.name, remove=True)
                first = format_path(index.fields[0].path)
                detail = f"No filter and no sort order named {first}."
                yield Finding(Kind.UNUSED_INDEX, record.collection_id, record.service, index.name, detail, edit)


def unserved_queries(known: Known) -> Iterator[Finding]:
    """Yield the indexes that would serve what none serves; the most often asked for first in each collection."""
    for record in _declared(known):
        wanted: dict[IndexSpec, _Unserved] = {}
        for service, shape, calls, _ in known.uses.shapes(record.collection_id):
            if shape is None or _is_served(shape, record.indexes):
                continue
            index = propose_for(shape.equal, shape.ranged, shape.sort, record.indexes)
            if index is not None:
                before = wanted.get(index, _Unserved(0, frozenset()))
                wanted[index] = _Unserved(before.calls + calls, before.services | {service})
        for index, unserved in sorted(wanted.items(), key=lambda item: (-item[1].calls, item[0].name)):
            edit = Edit(record.service, Section.INDEXES, entry_of(index), record.name)
            services = ", ".join(sorted(unserved.services))
            detail = f"{unserved.calls:,} calls of {services} would be served by {manifest_line(index)}"
            yield Finding(Kind.UNSERVED_QUERY, record.collection_id, record.service, index.name, detail, edit)


def has_effect(index: IndexSpec) -> bool:
    """Whether an index does something that no query shows."""
    return index.type in {IndexType.UNIQUE, IndexType.TTL}


def is_used(index: IndexSpec, shapes: Sequence[ShapeUse]) -> bool:
    """Whether an index may have been of use."""
    return any(use.shape is None or _helps(index, use.shape) for use in shapes)


def entry_of(index: IndexSpec) -> dict[str, Json]:
    """Return an index as a manifest declares it."""
    fields: list[Json] = []
    for field in index.fields:
        is_told = field.descending and index.type is not IndexType.DESCENDING
        path = format_path(field.path)
        fields.append({path: "desc"} if is_told else path)
    entry: dict[str, Json] = {"fields": fields, "type": index.type.value}
    if index.expire_after_s is not None:
        entry["expireAfterSeconds"] = index.expire_after_s
    return entry


def _declared(known: Known) -> Iterator[CollectionRecord]:
    """Yield the collections that a manifest declares: of others there is nothing to edit."""
    for _, record in sorted(known.snapshot.collections.items()):
        manifest = known.manifests.get(record.service)
        if manifest is not None and any(item.name == record.name for item in manifest.collections):
            yield record


def _is_served(shape: Shape, indexes: Sequence[IndexSpec]) -> bool:
    return (ID,) in shape.equal or bool(shape.words) or any(_helps(index, shape) for index in indexes)


def _helps(index: IndexSpec, shape: Shape) -> bool:
    if index.type is IndexType.TEXT:
        return any(field.path in shape.words for field in index.fields)
    first = index.fields[0].path
    return first in shape.filtered or (bool(shape.sort) and shape.sort[0].path == first)
