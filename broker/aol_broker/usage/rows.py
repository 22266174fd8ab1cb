"""How do counts become rows? Each path that a call names is a row, and so are the call itself and its shape.

Callers choose the names of paths, so those that are kept are bounded for each collection.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.usage.counter import Count, Used
from aol_broker.usage.signature import EQUAL, OTHER, RANGED, WORDS, Signature
from aol_broker.usage.uses import CALL, ELSEWHERE, WHOLE, Shape, name_of
from aol_wire.filters import Path
from aol_wire.metadata import RESERVED

NAMES_MAX = 256
"""So many paths of a collection are kept that neither its hint nor an index names, as far as one broker knows."""
SHAPES_MAX = 128
PATH_MAX_BYTES = 256
SHAPE_MAX_BYTES = 1024
HOURS_A_DAY = 24


class UseKey(NamedTuple):
    """The key of a row of uses. `hour` is since 1970."""

    service: str
    collection_id: str
    verb: str
    path: str
    hour: int


class ShapeKey(NamedTuple):
    """The key of a row of shapes; an empty shape is one that is not kept. `hour` is the first of a day."""

    service: str
    collection_id: str
    shape: str
    hour: int


class Names:
    """Which paths and shapes of each collection are kept: the first that came, up to a bound."""

    def __init__(self) -> None:
        self._paths: defaultdict[str, set[str]] = defaultdict(set)
        self._shapes: defaultdict[str, set[str]] = defaultdict(set)
        self._seen: set[str] = set()

    def unseen(self, collection_ids: Iterable[str]) -> list[str]:
        """Return the collections of which it is not known yet what the database holds."""
        return sorted(set(collection_ids) - self._seen)

    def learn(
        self, collection_ids: Iterable[str], paths: Iterable[tuple[str, str]], shapes: Iterable[tuple[str, str]]
    ) -> None:
        """Take in what the database holds of some collections, as pairs of an id and a path or shape."""
        self._seen.update(collection_ids)
        for id_, path in paths:
            self._paths[id_].add(path)
        for id_, shape in shapes:
            self._shapes[id_].add(shape)

    def keeps_path(self, record: CollectionRecord | None, collection_id: str, path: Path) -> bool:
        """Whether a path is kept by its name."""
        name = name_of(path)
        if len(name.encode()) > PATH_MAX_BYTES:
            return False
        if path[0] in RESERVED or (record is not None and _declares(record, name, path)):
            return True
        return _admitted(self._paths[collection_id], name, NAMES_MAX)

    def keeps_shape(self, collection_id: str, shape: str) -> bool:
        """Whether a shape of paths that are kept is kept."""
        if not shape or len(shape.encode()) > SHAPE_MAX_BYTES:
            return False
        return _admitted(self._shapes[collection_id], shape, SHAPES_MAX)


def rows_of(
    counts: Mapping[Used, Count], collections: Mapping[str, CollectionRecord], names: Names
) -> tuple[dict[UseKey, Count], dict[ShapeKey, Count]]:
    """Return the rows that counts add to: of uses, and of shapes."""
    uses: defaultdict[UseKey, Count] = defaultdict(Count)
    shapes: defaultdict[ShapeKey, Count] = defaultdict(Count)
    for used, count in counts.items():
        hour, service, id_, verb, signature = used
        record = collections.get(id_)
        paths = {path: names.keeps_path(record, id_, path) for path in _paths(signature)}
        kept = {name_of(path) if is_kept else ELSEWHERE for path, is_kept in paths.items()}
        kept |= {CALL, *((WHOLE,) if signature.whole else ()), *(() if signature.told else (ELSEWHERE,))}
        for name in kept:
            uses[UseKey(service, id_, verb, name, hour)].add(count.calls, count.last_us)
        if signature.looked or signature.sort or not signature.told:
            text = _shape_text(signature) if all(paths[path] for path in _asked(signature)) else ""
            text = text if names.keeps_shape(id_, text) else ""
            day = hour // HOURS_A_DAY * HOURS_A_DAY
            shapes[ShapeKey(service, id_, text, day)].add(count.calls, count.last_us)
    return uses, shapes


def shape_of(signature: Signature) -> Shape:
    """Return the shape of a call's filter and sort order."""
    pairs = _pairs(signature)
    # In what order a filter names its paths, and how often, matters to nobody.
    paths = {way: tuple(sorted({path for path, code in pairs if code == way})) for way in (EQUAL, RANGED, OTHER, WORDS)}
    return Shape(paths[EQUAL], paths[RANGED], paths[OTHER], paths[WORDS], signature.sort)


def _paths(signature: Signature) -> set[Path]:
    return _asked(signature) | set(signature.named)


def _asked(signature: Signature) -> set[Path]:
    """Return the paths that matter to an index."""
    return {path for path, _ in _pairs(signature)} | {key.path for key in signature.sort}


def _shape_text(signature: Signature) -> str:
    return shape_of(signature).text if signature.told else ""


def _pairs(signature: Signature) -> list[tuple[Path, str]]:
    flat = iter(signature.looked)
    return [(tuple(path), str(code)) for path, code in zip(flat, flat, strict=True)]


def _declares(record: CollectionRecord, name: str, path: Path) -> bool:
    return name in record.schema_hint or any(path == field.path for index in record.indexes for field in index.fields)


def _admitted(known: set[str], name: str, most: int) -> bool:
    if name in known:
        return True
    if len(known) >= most:
        return False
    known.add(name)
    return True
