"""Which service does a name of a pattern stand for? `spiffe://corp/service/{service}` and the like."""

import re

from aol_wire.names import SERVICE

PLACE = "{service}"


class NameTemplate:
    """A text with one `{service}` in it, where the name of a service stands."""

    def __init__(self, text: str) -> None:
        """:raises ValueError: `{service}` is not in it once, or nothing else is."""
        before, place, after = text.partition(PLACE)
        if not place or PLACE in after or not (before or after):
            raise ValueError(f"has {PLACE} in it once, and something else that tells whose name it is")
        if not text.isascii() or not text.isprintable():
            raise ValueError("is printable ASCII")
        self.text = text
        self._pattern = re.compile(f"{re.escape(before)}({SERVICE.pattern}){re.escape(after)}")

    def service(self, name: str) -> str | None:
        """Return the service that `name` stands for, None if it is no name of this pattern."""
        found = self._pattern.fullmatch(name)
        return None if found is None else found[1]
