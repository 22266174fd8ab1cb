"""Which documents does a command ask about, and in what order? Options that `query` and `explain` share."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

_EXAMPLE = '--filter \'{"carrier": "UA"}\''
_CONTEXT_EXAMPLE = '--context \'{"tenant": "north", "user": "ann"}\''


class Deleted(StrEnum):
    """Which documents of a soft-delete collection are meant."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection, or the service's own.")]
ActingService = Annotated[str, typer.Option("--as", metavar="SERVICE", help="The service in whose name to ask.")]
FilterText = Annotated[str | None, typer.Option("--filter", metavar="JSON", help="Only documents that match.")]
SortTexts = Annotated[list[str] | None, typer.Option("--sort", metavar="FIELD[:desc]", help="Order; may be repeated.")]
ContextText = Annotated[
    str | None, typer.Option("--context", metavar="JSON", help="On whose behalf, for record-level security.")
]
DeletedMode = Annotated[Deleted, typer.Option("--deleted", help="Deleted documents, where they are kept.")]


def parse_filter(text: str | None, option: str = "--filter", example: str = _EXAMPLE) -> dict[str, Any] | None:
    """Return a filter that is given as JSON text.

    :raises typer.BadParameter: it is not a JSON object. What it holds is not repeated.
    """
    return _json_object(text, option, example)


def parse_context(text: str | None) -> dict[str, Any] | None:
    """Return a security context that is given as JSON text.

    :raises typer.BadParameter: it is not a JSON object. What it holds is not repeated.
    """
    return _json_object(text, "--context", _CONTEXT_EXAMPLE)


def _json_object(text: str | None, option: str, example: str) -> dict[str, Any] | None:
    if text is None:
        return None
    from aol_wire.errors import DataError, Reason
    from aol_wire.json_text import decode
    from aol_wire.limits import FILTER_MAX_BYTES

    try:
        value = decode(text, Reason.BAD_FILTER, option.removeprefix("--"), FILTER_MAX_BYTES)
    except DataError as error:
        raise typer.BadParameter(f"{error.message}. For example: {example}", param_hint=option) from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"a JSON object is needed. For example: {example}", param_hint=option)
    return value


def parse_sort(keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return `("field", "asc" or "desc")` for `field`, `field:asc`, `field:desc`.

    :raises typer.BadParameter: a key is none of these.
    """
    parsed = []
    for key in keys:
        path, _, direction = key.partition(":")
        if not path or direction not in ("", "asc", "desc"):
            raise typer.BadParameter("it is FIELD, FIELD:asc or FIELD:desc", param_hint="--sort")
        parsed.append((path, direction or "asc"))
    return parsed
