"""Which index would serve a query? Advice for manifests, from the shape of a filter and a sort order."""

from collections.abc import Sequence

import orjson
from google.protobuf.message import Message

from aol_broker.audit.filter_shape import filter_shape
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import Explanation, SortKey
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import And, Compare, Filter, Json, Member, Operator, Path
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.limits import INDEX_MAX_FIELDS
from aol_wire.paths import parse_sort

# Looking at this many documents for each one returned, and at this many at least, is worth an index.
_WASTEFUL_RATIO = 4
_WASTEFUL_MIN_DOCUMENTS = 100


def wasteful(explanation: Explanation) -> bool:
    """Whether a query looked at many documents that it did not return, or sorted what an index could give in order."""
    examined = explanation.examined_documents
    if examined < _WASTEFUL_MIN_DOCUMENTS:
        return False
    return not explanation.sort_pushed_down or examined > _WASTEFUL_RATIO * max(1, explanation.returned_documents)


def propose_index(tree: Filter | None, sort: tuple[SortKey, ...], existing: tuple[IndexSpec, ...]) -> IndexSpec | None:
    """Return an index that would serve a query; None when there is one already, or none can.

    The rule is the usual one for B-trees: paths that are compared for equality first, then the sort order, then a path
    with a range.
    """
    return propose_for(*_compared(tree), sort, existing)


def propose_for(
    equal: Sequence[Path], ranged: Sequence[Path], sort: tuple[SortKey, ...], existing: tuple[IndexSpec, ...]
) -> IndexSpec | None:
    """Return an index that would serve queries with these paths; None when there is one already, or none can."""
    fields = [IndexField(path) for path in equal]
    fields += [IndexField(key.path, key.descending) for key in sort if key.path not in equal]
    if not sort:
        fields += [IndexField(path) for path in ranged if path not in equal][:1]
    usable = tuple(field for field in fields if _indexable(field.path))[:INDEX_MAX_FIELDS]
    if not usable or len(usable) < len(fields):
        return None
    spec = IndexSpec(usable, _type_of(usable))
    return None if any(_serves(index, usable) for index in existing) else spec


def shape_of_request(arguments: Message, record: CollectionRecord) -> dict[str, Json]:
    """Return what the log of a slow call says of its query: its shape, without values, and the index that may help."""
    said: dict[str, Json] = {}
    text = getattr(arguments, "filter", "")
    sort = [(key.path, key.descending) for key in getattr(arguments, "sort", ())]
    if text:
        said["filter"] = filter_shape(orjson.loads(text))
    if sort:
        said["sort"] = [f"{path} desc" if descending else path for path, descending in sort]
    if text or sort:
        tree = parse_filter(text, record.datetime_paths)
        proposed = propose_index(tree, parse_sort(sort), record.indexes)
        if proposed is not None:
            said["proposed_index"] = manifest_line(proposed)
    return said


def manifest_line(spec: IndexSpec) -> str:
    """Return the line that declares an index under `indexes:` in a manifest."""
    fields = [f"{{{_name(field.path)}: desc}}" if field.descending else _name(field.path) for field in spec.fields]
    if spec.type in {IndexType.ASCENDING, IndexType.DESCENDING}:
        fields = [_name(spec.fields[0].path)]
    return f"- {{fields: [{', '.join(fields)}], type: {spec.type.value}}}"


def _compared(tree: Filter | None) -> tuple[list[Path], list[Path]]:
    """Return the paths that every matching document holds equal to something, and those that lie in a range."""
    equal: list[Path] = []
    ranged: list[Path] = []
    for part in tree.filters if isinstance(tree, And) else (tree,):
        match part:
            case Compare(path, Operator.EQ) if path not in equal:
                equal.append(path)
            case Member(path, _, False) if path not in equal:
                equal.append(path)
            case Compare(path, Operator.GT | Operator.GTE | Operator.LT | Operator.LTE) if path not in ranged:
                ranged.append(path)
    return equal, ranged


def _indexable(path: Path) -> bool:
    return not path[0].startswith("_") and not any(segment.isdecimal() for segment in path)


def _type_of(fields: tuple[IndexField, ...]) -> IndexType:
    if len(fields) > 1:
        return IndexType.COMPOUND
    return IndexType.DESCENDING if fields[0].descending else IndexType.ASCENDING


def _serves(index: IndexSpec, fields: tuple[IndexField, ...]) -> bool:
    paths = tuple(field.path for field in index.fields[: len(fields)])
    return index.type is not IndexType.TEXT and paths == tuple(field.path for field in fields)


def _name(path: Path) -> str:
    text = ".".join(path)
    plain = all(character.isalnum() or character in "_.-" for character in text) and text[0].isalpha()
    return text if plain else orjson.dumps(text).decode()
