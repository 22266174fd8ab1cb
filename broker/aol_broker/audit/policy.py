"""How much do audit records tell of the calls on a collection? Its owner says so in the manifest."""

from dataclasses import dataclass
from enum import StrEnum

from aol_wire.filters import Path


class AuditLevel(StrEnum):
    """How much of filters, and of the ids of inserted documents, records show. All else they always say."""

    METADATA = "metadata"
    """Nothing of them."""
    SHAPE = "shape"
    """Paths and operators, with values replaced by the names of their types."""
    VALUES = "values"
    """All of them, but of sensitive values a keyed hash only."""


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """What a collection's owner wants. `sensitive` are paths whose values, and all under them, nobody is to read."""

    level: AuditLevel = AuditLevel.VALUES
    sensitive: tuple[Path, ...] = ()
