"""How does a document stand in MongoDB, and what is one that stands there?

As itself, in BSON: integers as `long`, other numbers as `double`, the keys of each object in the order of their code
points (MongoDB compares objects key by key, in the order in which they stand). Metadata is under the one key `_aol`:

    v version   c created_us   u updated_us   and where there are any:
    t tenant    i id           o owner        a acl    d deleted_us    w words of text indexes
    r and e, to whom it is open: the owner, and the strings of the arrays `read`, or `write`, of the access control list

`_id` is the document's id, or with a tenant: the tenant, NUL, and the id, which then stands in `i` too.
"""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import orjson
from bson import json_util
from bson.int64 import Int64

from aol_adapters.kit.pages import Row
from aol_wire.filters import Json
from aol_wire.limits import INT64_MAX, INT64_MIN

META = "_aol"
OWNER_MARK, ENTRY_MARK = "o:", "e:"
_TYPES: Mapping[str, type] = {**dict.fromkeys("vcud", int), **dict.fromkeys("tiow", str)}
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def key(tenant: str, id_: str) -> str:
    """Return the `_id` of a document. Neither part holds NUL, so keys of one tenant are in the order of their ids."""
    return f"{tenant}\0{id_}" if tenant else id_


class Foreign(str):
    """A value of a type that JSON does not have, on its way through a document that is being changed; a string for
    whoever looks at it."""

    __slots__ = ("value",)

    value: Any


def stored(value: Json) -> Any:
    """Return a value as it is stored, and as what is stored is compared with."""
    if isinstance(value, Foreign):
        return value.value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return Int64(value) if INT64_MIN <= value <= INT64_MAX else float(value)
    if isinstance(value, dict):
        return {name: stored(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """Return what is stored as JSON has it; `stored` makes the same of that again, foreign values among it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if type(value) is str or (isinstance(value, float) and isfinite(value)):
        return value
    if type(value) is dict:
        return {name: plain(item) for name, item in value.items()}
    if type(value) is list:
        return [plain(item) for item in value]
    foreign = Foreign()
    foreign.value = value
    return foreign


def json_of(value: Any) -> str:
    """Return the JSON text of what is stored. What JSON does not have is in MongoDB Extended JSON, such as
    `{"$oid": "…"}`, `{"$date": …}`, `{"$numberDecimal": "…"}`; NaN and infinities are null."""
    return orjson.dumps(value, default=_extended, option=_OPTIONS).decode()


def metadata_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a document, without what other tools have put there that is none of ours; `places` takes
    that for missing too."""
    found = document.get(META)
    if type(found) is not dict:
        return {}
    return {
        name: value
        for name, value in found.items()
        if value is not None and isinstance(value, _TYPES.get(name, object)) and not isinstance(value, bool)
    }


def open_to(owner: Any, acl: Any) -> dict[str, list[str]]:
    """Return the metadata `r` and `e`: one index over each serves what asks for the owner or for entries."""
    owners = [OWNER_MARK + owner] if owner else []
    lists = {"r": "read", "e": "write"}
    found = acl if isinstance(acl, dict) else {}
    return {name: owners + [ENTRY_MARK + it for it in _strings(found.get(list))] for name, list in lists.items()}


def _strings(value: Any) -> list[str]:
    return list(dict.fromkeys(it for it in value if isinstance(it, str))) if isinstance(value, list) else []


def guard(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition for a document that is still as it was read, whoever has written its metadata."""
    held = document.get(META)
    names = {f"{META}.{name}": held.get(name) for name in "vcud"} if isinstance(held, dict) else {META: held}
    return {"_id": document["_id"], **names}


def row(document: dict[str, Any]) -> Row:
    """Return a document as pages hold it; it is used up."""
    meta = metadata_of(document)
    id_, _ = document.pop("_id", ""), document.pop(META, None)
    acl = meta.get("a")
    return Row(
        str(meta.get("i", id_)),
        json_of(document),
        int(meta.get("c", 0)),
        int(meta.get("u", 0)),
        int(meta.get("v", 1)),
        meta.get("o"),
        str(meta.get("t", "")),
        None if acl is None else json_of(acl),
        int(meta.get("d", 0)) or None,
    )


def rows(documents: Iterable[dict[str, Any]]) -> list[Row]:
    """Return documents as pages hold them."""
    return [row(document) for document in documents]


def _extended(value: Any) -> Any:
    return json_util.default(value, json_util.RELAXED_JSON_OPTIONS)
