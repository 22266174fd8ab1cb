"""What are the words of a text? The one splitting rule for text indexes and `$text` queries."""

import re

_WORD = re.compile(r"[^\W_]+")


def split(text: str) -> tuple[str, ...]:
    """Return the words of a text in order: its maximal runs of letters and digits, case folded.

    The text is folded before it is split, so that splitting what was split before changes nothing.
    """
    return tuple(_WORD.findall(text.casefold()))
