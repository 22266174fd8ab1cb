"""How is an entry put into YAML text, or taken out of it, with everything else left as it is?

The parser tells where things are; what is between them is people's. Comments behind an entry that are not indented
further than it is belong to what follows.
"""

import io
import re
from typing import Any

Place = tuple[str | int, ...]
"""Keys and numbers that lead to something in a document."""

_WIDTH = 1 << 16


def without(text: str, place: Place) -> str | None:
    """Return the text without the entry of a list or mapping that is at a place.

    None where its first line is not its own, as that of the first key of an element of a list.
    """
    container, number = _container(text, place)
    spans = _spans(container)
    start, end = spans[number]
    if container.flow_style:
        if number + 1 < len(spans):
            end = spans[number + 1][0]
        elif number:
            start = spans[number - 1][1]
        return text[:start] + text[end:]
    line, column = _line_and_column(text, container, start)
    lines = _lines(text)
    if lines[line][:column].strip():
        return None
    return "".join(lines[:line] + lines[_end(lines, line, column, end_line=_line(text, end)) :])


def with_last(text: str, place: Place, entry: dict[str, Any], *, as_block: bool) -> str:
    """Return the text with one more entry at the end of the list or mapping at a place, which is not empty.

    :param as_block: spread over lines where it can be.
    """
    container = _node(yaml_of_people().compose(text), place)
    is_list = not isinstance(container.value[0], tuple)
    start, end = _spans(container)[-1]
    if container.flow_style:
        return f"{text[:end]}, {_flowing(entry, bare=not is_list)}{text[end:]}"
    line, column = _line_and_column(text, container, start)
    lines = _lines(text)
    at = _end(lines, line, column, end_line=_line(text, end))
    if not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    made = _block(entry) if as_block or not is_list else [_flowing(entry)]
    if is_list:
        made = [f"{'  ' if number else '- '}{part}" for number, part in enumerate(made)]
    return "".join([*lines[:at], *(f"{' ' * column}{part}\n" for part in made), *lines[at:]])


def flow(entry: dict[str, Any]) -> Any:
    """Return an entry that is written on one line."""
    from ruamel.yaml.comments import CommentedMap

    made = CommentedMap(entry)
    made.fa.set_flow_style()
    return made


def written(entry: dict[str, Any]) -> str:
    """Return an entry as it is written on one line."""
    return _flowing(entry)


def yaml_of_people() -> Any:
    """Return a reader and writer of YAML that keeps comments, order and quotes."""
    from ruamel.yaml import YAML

    made = YAML(typ="rt")
    made.preserve_quotes = True
    made.width = _WIDTH
    made.brace_single_entry_mapping_in_flow_sequence = True
    made.indent(mapping=2, sequence=4, offset=2)
    return made


def _container(text: str, place: Place) -> tuple[Any, int]:
    """Return the node of a list or mapping, and the number of the entry in it that a place names."""
    container = _node(yaml_of_people().compose(text), place[:-1])
    last = place[-1]
    if isinstance(last, int):
        return container, last
    return container, [key.value for key, _ in container.value].index(last)


def _node(node: Any, place: Place) -> Any:
    for key in place:
        node = node.value[key] if isinstance(key, int) else {name.value: value for name, value in node.value}[key]
    return node


def _spans(container: Any) -> list[tuple[int, int]]:
    """Return where each entry begins and ends, in characters."""
    pairs = [item if isinstance(item, tuple) else (item, item) for item in container.value]
    return [(first.start_mark.index, last.end_mark.index) for first, last in pairs]


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends. Python's own way to split knows more ends than YAML does."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, index)


def _line_and_column(text: str, container: Any, start: int) -> tuple[int, int]:
    """Return where an entry of a block begins: of a list, with its dash."""
    line = _line(text, start)
    before = text.rfind("\n", 0, start) + 1
    if not isinstance(container.value[0], tuple):
        start = text.rfind("-", before, start)
    return line, start - before


def _end(lines: list[str], line: int, column: int, end_line: int) -> int:
    """Return the line after an entry: the parser's end of it is often after blank lines and comments behind it."""
    end = min(end_line + 1, len(lines))
    while end > line + 1:
        text = lines[end - 1]
        content, indent = text.strip(), len(text) - len(text.lstrip(" "))
        # The elements of a list may stand as far to the left as the key that it is under.
        is_element = indent == column and content.startswith("- ") and not lines[line][column:].startswith("-")
        if content and (indent > column or is_element):
            break
        end -= 1
    return end


def _flowing(entry: dict[str, Any], *, bare: bool = False) -> str:
    out = io.StringIO()
    yaml_of_people().dump(flow(entry), out)
    text = out.getvalue().strip()
    return text[1:-1] if bare else text


def _block(entry: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    yaml_of_people().dump(entry, out)
    return out.getvalue().splitlines()
