"""Who else may reach a document? Its access control list, as its owner writes it, as it is kept, and as it is met."""

import orjson

from aol_broker.security.context import NAME_FORM, Context, is_name
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_text import decode, encode
from aol_wire.limits import ACL_MAX_ENTRIES, UPDATE_MAX_BYTES
from aol_wire.metadata import ACL
from aol_wire.paths import below, shown

READ, WRITE = "read", "write"

_KINDS = ("user", "team", "role")
_FORM = f"an entry is user:NAME, team:NAME or role:NAME, a name having {NAME_FORM}"


def entries_of(context: Context) -> tuple[str, ...]:
    """Return the entries that let the user of a context in."""
    return (
        f"user:{context.user}",
        *(f"team:{name}" for name in context.teams),
        *(f"role:{name}" for name in context.roles),
    )


def read_access_list(value: Json, reason: Reason = Reason.BAD_DOCUMENT) -> str:
    """Return an access control list as it is kept: JSON text, empty for one that lets nobody in.

    Whoever may write may read: `read` is made to hold all of `write`.

    :raises DataError: `reason` with the path that is wrong, TOO_LARGE.
    """
    if value is None:
        return ""
    if not isinstance(value, dict):
        raise DataError.invalid(reason, ACL, 'it is an object, as {"read": ["user:ann"], "write": ["team:ops"]}')
    for key in value:
        if key not in (READ, WRITE):
            raise DataError.invalid(reason, ACL, f"it has the keys {READ} and {WRITE}, not {shown([key])}")
    writers = _entries(value.get(WRITE, []), below(ACL, WRITE), reason)
    readers = _entries(value.get(READ, []), below(ACL, READ), reason) | writers
    if len(readers) > ACL_MAX_ENTRIES:
        raise DataError.invalid(Reason.TOO_LARGE, ACL, f"at most {ACL_MAX_ENTRIES} entries")
    return orjson.dumps({READ: sorted(readers), WRITE: sorted(writers)}).decode() if readers else ""


def take_from_update(text: str) -> tuple[str | None, str | None]:
    """Return an update without what it does to the access control list, None when that is all; and the new list.

    It is set whole, `{"_acl": {...}}` or under `$set`, or removed, under `$unset`. Without that the list is None.

    :raises DataError: BAD_FILTER, TOO_LARGE.
    """
    if f'"{ACL}"' not in text:
        return text, None
    update = decode(text, Reason.BAD_FILTER, "update", UPDATE_MAX_BYTES)
    if not isinstance(update, dict):
        return text, None
    for holder in (update, update.get("$set"), update.get("$unset")):
        if isinstance(holder, dict) and ACL in holder:
            value = holder.pop(ACL)
            access_list = "" if holder is update.get("$unset") else read_access_list(value, Reason.BAD_FILTER)
            rest = {key: part for key, part in update.items() if part != {} or not key.startswith("$")}
            return (encode(rest) if rest else None), access_list
    return text, None


def _entries(value: Json, where: str, reason: Reason) -> set[str]:
    if not isinstance(value, list):
        raise DataError.invalid(reason, where, "a list of entries is needed")
    if len(value) > ACL_MAX_ENTRIES:
        raise DataError.invalid(Reason.TOO_LARGE, where, f"at most {ACL_MAX_ENTRIES} entries")
    entries: set[str] = set()
    for index, entry in enumerate(value):
        kind, _, name = entry.partition(":") if isinstance(entry, str) else ("", "", "")
        if kind not in _KINDS or not is_name(name):
            raise DataError.invalid(reason, below(where, index), _FORM)
        entries.add(f"{kind}:{name}")
    return entries
