"""How is a manifest edited so that it stays as people wrote it? Where an entry is, and what the outcome must say.

The text around an entry is left alone, byte for byte. Only where there is nothing yet to put an entry into, the file is
written anew, with its comments, order and quotes. Either way the outcome is read again, and must say what was meant.
"""

import io
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from aol_cli.exits import Failure
from aol_cli.manifest_text import Place, flow, with_last, without, yaml_of_people

_REQUIREMENTS: Place = ("spec", "dataRequirements")
_HINT, _COLLECTIONS, _REQUESTS = "schemaHint", "collections", "accessRequests"


@dataclass(frozen=True, slots=True)
class Edit:
    """An entry of a section of `spec.dataRequirements`, to be put in or taken out.

    `section`: its key there, or in the collection of that name. `entry`: an element of a list; of `schemaHint` an
    object of one path and its type.
    """

    section: str
    entry: Mapping[str, Any]
    collection: str = ""
    remove: bool = False


class _NoPlaceError(Exception):
    """What an edit is about is not there."""


def edited(text: str, edits: Iterable[Edit], source: str) -> str:
    """Return a manifest's text after some edits. One that is there already, or gone already, changes nothing.

    :param source: the file's name, for messages.
    :raises Failure: an edit could not be made.
    """
    for edit in edits:
        document = yaml_of_people().load(text)
        try:
            text = _without(text, document, edit) if edit.remove else _with(text, document, edit)
        except _NoPlaceError as error:
            raise Failure(f"{source} cannot be edited: {error}. Nothing was written.") from None
    return text


def _without(text: str, document: Any, edit: Edit) -> str:
    place = _found(document, edit)
    if place is None:
        return text
    # What would be left empty goes too, up to the section itself.
    section = _section_place(document, edit)
    while len(place) > len(section) and len(_at(document, place[:-1])) == 1:
        place = place[:-1]
    wanted = deepcopy(document)
    del _at(wanted, place[:-1])[place[-1]]
    return _checked(without(text, place), wanted)


def _with(text: str, document: Any, edit: Edit) -> str:
    if _found(document, edit) is not None:
        return text
    container = section = _section_place(document, edit)
    entry: dict[str, Any] = dict(edit.entry)
    if edit.section == _HINT:
        [(path, kind)] = edit.entry.items()
        container, key = _nearest(document, section, path)
        entry = {key: kind}
    wanted = deepcopy(document)
    target = _at(wanted, container) or _made(wanted, edit, section)
    if isinstance(target, list):
        target.append(flow(entry))
    else:
        target.update(entry)
    as_block = edit.section == _COLLECTIONS
    if not _at(document, container):
        parent = _at(document, section[:-1])
        if not parent or edit.section in parent:
            return _checked(_written_anew(wanted), wanted)
        container, as_block = section[:-1], True
        entry = {edit.section: _at(wanted, section)}
    return _checked(with_last(text, container, entry, as_block=as_block), wanted)


def _checked(text: str | None, wanted: Any) -> str:
    from ruamel.yaml.error import YAMLError

    try:
        if text is not None and _said(yaml_of_people().load(text)) == _said(wanted):
            return text
    except YAMLError:
        pass
    raise _NoPlaceError("it is laid out in a way that this command cannot edit; edit it by hand")


def _said(value: Any) -> Any:
    """Return what a manifest says: a key with nothing under it says as much as none."""
    if isinstance(value, dict):
        said = {key: _said(item) for key, item in value.items()}
        return {key: item for key, item in said.items() if item not in (None, {}, [])}
    return [_said(item) for item in value] if isinstance(value, list) else value


def _section_place(document: Any, edit: Edit) -> Place:
    if not edit.collection:
        return (*_REQUIREMENTS, edit.section)
    for number, item in enumerate(_at(document, (*_REQUIREMENTS, _COLLECTIONS)) or ()):
        if item.get("name") == edit.collection:
            return (*_REQUIREMENTS, _COLLECTIONS, number, edit.section)
    raise _NoPlaceError(f"it declares no collection '{edit.collection}'")


def _at(document: Any, place: Place) -> Any:
    """Return what is at a place; None where nothing is."""
    for key in place:
        if not document or (isinstance(document, dict) and key not in document):
            return None
        document = document[key]
    return document


def _found(document: Any, edit: Edit) -> Place | None:
    """Return the place of an entry; None when it is not there."""
    place = _section_place(document, edit)
    section = _at(document, place)
    if not section:
        return None
    if edit.section == _HINT:
        [path] = edit.entry
        return _hinted(section, place, path)
    wanted = _identity(edit.section, edit.entry)
    numbers = (number for number, item in enumerate(section) if _identity(edit.section, item) == wanted)
    return next(((*place, number) for number in numbers), None)


def _identity(section: str, entry: Any) -> Any:
    """Return what makes an entry out."""
    if section == _COLLECTIONS:
        return entry["name"]
    if section == _REQUESTS:
        return entry["collection"], entry["permission"]
    from aol_wire.index_parser import parse_index

    return parse_index(_plain(entry), section)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _hinted(hint: Any, place: Place, path: str) -> Place | None:
    """Return where a hint has a path, which may be nested, written with dots, or both."""
    segments = path.split(".")
    for size in range(len(segments), 0, -1):
        key, rest = ".".join(segments[:size]), ".".join(segments[size:])
        if key in hint and not rest:
            return (*place, key)
        if isinstance(hint.get(key), dict) and (found := _hinted(hint[key], (*place, key), rest)) is not None:
            return found
    return None


def _nearest(document: Any, place: Place, path: str) -> tuple[Place, str]:
    """Return the innermost mapping of a hint in which a path can stand, and its key there."""
    head, dot, rest = path.partition(".")
    if dot and isinstance((_at(document, place) or {}).get(head), dict):
        return _nearest(document, (*place, head), rest)
    return place, path


def _made(document: Any, edit: Edit, section: Place) -> Any:
    """Return what is at the place of a section, made with all that is above it."""
    for key in section[:-1]:
        if isinstance(document, dict) and document.get(key) is None:
            document[key] = {}
        document = document[key]
    document[section[-1]] = {} if edit.section == _HINT else []
    return document[section[-1]]


def _written_anew(document: Any) -> str:
    out = io.StringIO()
    yaml_of_people().dump(document, out)
    return out.getvalue()
