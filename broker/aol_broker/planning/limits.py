"""What of a permission is taken away when its limits are others?"""

from typing import NamedTuple

from aol_broker.access.choosing import covers_fields
from aol_broker.access.limits import Limits
from aol_broker.access.visible_fields import VisibleFields
from aol_broker.usage.uses import ELSEWHERE, WHOLE, touches
from aol_wire.datetimes import from_us
from aol_wire.filters import Path
from aol_wire.paths import format_path


class Narrowed(NamedTuple):
    """What other limits take away: of each document, of the documents, of the time. False when nothing."""

    fields: bool
    documents: bool
    time: bool

    def __bool__(self) -> bool:
        return self.fields or self.documents or self.time


def narrowed(old: Limits, new: Limits) -> Narrowed:
    """Return what new limits take away. Of two conditions, it is not known that one lets all of the other through."""
    return Narrowed(
        not covers_fields(new.fields, old.fields),
        new.where not in ("", old.where),
        bool(new.expires_us) and (not old.expires_us or new.expires_us < old.expires_us),
    )


def shows_some(limits: Limits, path: str | None) -> bool:
    """Whether something of a path, which None is any, can be seen within limits."""
    return path is None or not limits.fields or any(touches(format_path(field), path) for field in limits.fields)


def loses(old: Limits, new: Limits, used: str) -> bool:
    """Whether a use of a path meets fields that old limits showed and new ones do not."""
    if used in (WHOLE, ELSEWHERE):
        return True
    return bool(used) and shows_some(old, used) and not _shows_all(new.fields, tuple(used.split(".")))


def words(limits: Limits) -> str:
    """Return limits for people; empty for none."""
    parts = [f"fields {', '.join(map(format_path, limits.fields))}"] if limits.fields else []
    parts += [f"where {limits.where}"] if limits.where else []
    parts += [f"until {from_us(limits.expires_us)}"] if limits.expires_us else []
    return ", ".join(parts)


def _shows_all(fields: tuple[Path, ...], path: Path) -> bool:
    return not fields or VisibleFields(fields).shows(path)
