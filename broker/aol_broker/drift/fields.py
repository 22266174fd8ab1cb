"""Which hinted fields has no document, and which fields does no hint name? By a sample; names only."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import orjson

from aol_broker.dispatch import Dispatch
from aol_broker.drift.finding import Edit, Finding, Kind, Section
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_wire.adapter import Find, SortKey
from aol_wire.errors import DataError
from aol_wire.filters import Json, Path
from aol_wire.limits import PAGE_MAX_BYTES
from aol_wire.metadata import ID
from aol_wire.paths import format_path, parse_path
from aol_wire.values import MISSING, get

SAMPLE_MAX_DOCUMENTS = 1000
FIELDS_SHOWN = 20
"""So many fields that no hint names are told of one collection: their names may be made of data."""
# What fewer documents lack says nothing.
_SAMPLE_MIN_DOCUMENTS = 10
_PATH_MAX_BYTES = 256
_QUICK_CHARACTERS = 32 << 10
_TYPE_NAMES = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}


@dataclass(slots=True)
class Seen:
    """What a sample showed: the hinted paths that were met, and the others with the types of their values."""

    documents: int = 0
    hinted: set[str] = field(default_factory=set)
    others: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


async def sample(dispatch: Dispatch, record: CollectionRecord, documents: int, timeout_s: float) -> Seen:
    """Look at some documents of a collection, of all tenants: half of them the first by id, half the last.

    :raises DataError: its adapter does not answer.
    """
    seen, ids = Seen(), set[str]()
    for descending in (False, True):
        find = Find(
            replace(record.target, tenant=None),
            sort=(SortKey((ID,), descending),),
            limit=max(1, documents // 2),
            max_bytes=PAGE_MAX_BYTES,
            timeout_s=timeout_s,
        )
        page = (await dispatch.find(record, find)).page
        texts = [text for id_, text in zip(page.id, page.json, strict=True) if id_ not in ids]
        ids.update(page.id)
        # In a thread where that takes long: calls go on.
        if sum(map(len, texts)) > _QUICK_CHARACTERS:
            await asyncio.to_thread(_look_at_all, texts, record, seen)
        else:
            _look_at_all(texts, record, seen)
    return seen


def field_findings(record: CollectionRecord, seen: Seen) -> Iterator[Finding]:
    """Yield how a sample differs from the hint of a declared collection; nothing where there is no hint."""
    if not record.schema_hint:
        return
    id_, owner = record.collection_id, record.service
    looked = f"of {seen.documents:,} documents that were looked at"
    for path in sorted(set(record.schema_hint) - seen.hinted):
        if seen.documents < _SAMPLE_MIN_DOCUMENTS:
            break
        kind = record.schema_hint[path]
        # Without that hint, the date-times of a rare field would be stored in another form.
        is_safe = kind != "datetime"
        edit = Edit(owner, Section.SCHEMA_HINT, {path: kind}, record.name, remove=True) if is_safe else None
        yield Finding(Kind.UNSEEN_FIELD, id_, owner, path, f"None {looked} has it.", edit)
    for path in sorted(seen.others)[:FIELDS_SHOWN]:
        kinds = seen.others[path]
        edit = None
        # With strict validation, a type that the sample does not show would be refused from then on.
        if len(kinds) == 1 and record.validation is not Validation.STRICT:
            edit = Edit(owner, Section.SCHEMA_HINT, {path: next(iter(kinds))}, record.name)
        what = " or ".join(sorted(kinds)) or "null"
        yield Finding(Kind.UNHINTED_FIELD, id_, owner, path, f"Some {looked} have it, as {what}.", edit)


def _look_at_all(texts: Iterable[str], record: CollectionRecord, seen: Seen) -> None:
    for text in texts:
        _look_at(orjson.loads(text), record, seen)


def _look_at(document: dict[str, Json], record: CollectionRecord, seen: Seen) -> None:
    seen.documents += 1
    hinted = [tuple(path.split(".")) for path in record.schema_hint]
    seen.hinted |= {format_path(path) for path in hinted if get(document, path) is not MISSING}
    for path, value in _not_hinted(document, (), hinted, record.audit.sensitive):
        if _is_nameable(path):
            seen.others[format_path(path)] |= {_TYPE_NAMES[type(value)]} if value is not None else set()


def _not_hinted(
    value: dict[str, Json], above: Path, hinted: Sequence[Path], sensitive: Sequence[Path]
) -> Iterator[tuple[Path, Json]]:
    """Yield fields that no hint names. What is in an object that itself is not hinted further is not looked at."""
    for key, inner in value.items():
        path = (*above, key)
        below = [hint for hint in hinted if hint[: len(path)] == path]
        if not below:
            yield path, inner
        elif isinstance(inner, dict) and path not in sensitive and any(len(hint) > len(path) for hint in below):
            yield from _not_hinted(inner, path, below, sensitive)


def _is_nameable(path: Path) -> bool:
    try:
        parse_path(format_path(path), index=True)
    except DataError:
        return False
    return len(format_path(path).encode()) <= _PATH_MAX_BYTES
