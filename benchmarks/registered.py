"""Which collections are registered where only their number matters? Some hundred of each of many services."""

from collections.abc import Iterable

# A manifest is applied within one call, and a call has at most 30 s.
COLLECTIONS_A_SERVICE = 250


def service(number: int) -> str:
    """Return the service that a collection belongs to."""
    return f"many-{number // COLLECTIONS_A_SERVICE}"


def collection(number: int) -> str:
    """Return the name of a collection, without its service."""
    return f"c{number}"


def by_service(numbers: Iterable[int]) -> dict[str, list[str]]:
    """Return the names of collections, by their services."""
    names: dict[str, list[str]] = {}
    for number in numbers:
        names.setdefault(service(number), []).append(collection(number))
    return names
