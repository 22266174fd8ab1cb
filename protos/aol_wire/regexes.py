"""Which regular expressions are there, and what does one need? RE2 decides what is valid, this parser the level."""

from typing import Protocol

from aol_wire.errors import DataError, Reason
from aol_wire.filters import RegexLevel
from aol_wire.limits import REGEX_MAX_BYTES, REGEX_MAX_REPEAT

_SPECIAL = frozenset(r"\.^$|()[]{}*+?")
_CLASS_ESCAPES = frozenset("dws")
_CHARACTER_ESCAPES = frozenset("nrtf")
_MAX_DEPTH = 32


class CompiledRegex(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object | None:
        """Return None when the pattern matches nowhere in the text."""

    def findall(self, text: str) -> list[str]:
        """Return the parts of the text that a pattern without groups matches, one after the other."""


class _Beyond(Exception):
    """The pattern is not of the common level."""


def compile_regex(pattern: str, ignore_case: bool, where: str = "$regex") -> CompiledRegex:
    """Return a compiled pattern; RE2's module keeps the last 128.

    :raises DataError: BAD_FILTER, when RE2 refuses it.
    """
    # Imported here because the SDK installs without RE2.
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        compiled: CompiledRegex = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        description = (
            "not a regular expression of RE2; it has no look-around and no back-references, and repeats to 1,000"
        )
        raise DataError.invalid(Reason.BAD_FILTER, where, description) from None
    return compiled


def classify(pattern: str, ignore_case: bool, where: str = "$regex") -> RegexLevel:
    """Return the level of a pattern.

    :raises DataError: BAD_FILTER when RE2 refuses it, TOO_LARGE beyond 1,024 bytes.
    """
    if len(pattern.encode(errors="surrogatepass")) > REGEX_MAX_BYTES:
        raise DataError.invalid(Reason.TOO_LARGE, where, f"a pattern has at most {REGEX_MAX_BYTES} bytes")
    compile_regex(pattern, ignore_case, where)
    try:
        _Common(pattern).parse()
    except _Beyond:
        return RegexLevel.FULL
    return RegexLevel.COMMON


class _Common:
    """A recursive-descent parser of the common level, over patterns that RE2 accepted.

    Each method leaves the position behind what it read and returns whether that holds a repeat.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def parse(self) -> None:
        self._alternation()
        if self._at < len(self._pattern):
            raise _Beyond

    def _alternation(self) -> bool:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Beyond
        repeats = self._sequence()
        while self._take("|"):
            repeats |= self._sequence()
        self._depth -= 1
        return repeats

    def _sequence(self) -> bool:
        repeats = False
        while self._peek() not in {"", "|", ")"}:
            anchor = self._peek() in {"^", "$"} or self._pattern.startswith(r"\b", self._at)
            inner = self._atom()
            most = self._quantifier()
            if most is not None and (anchor or (inner and most != 1)):
                raise _Beyond
            repeats |= inner or most is not None
        return repeats

    def _atom(self) -> bool:
        character = self._next()
        if character == "(":
            if self._take("?") and not self._take(":"):
                raise _Beyond
            inner = self._alternation()
            if not self._take(")"):
                raise _Beyond
            return inner
        if character == "[":
            self._class()
        elif character == "\\":
            self._escape(in_class=False)
        elif character in _SPECIAL and character not in {".", "^", "$"}:
            raise _Beyond
        return False

    def _quantifier(self) -> int | None:
        """Return how often what comes before may be repeated at most (a large number for `*`); None without one."""
        character = self._peek()
        if character not in {"*", "+", "?", "{"}:
            return None
        self._at += 1
        most = {"*": REGEX_MAX_REPEAT, "+": REGEX_MAX_REPEAT, "?": 1}.get(character)
        if most is None:
            most = self._bounds()
        if self._peek() in {"*", "+", "?", "{"}:
            raise _Beyond
        return most

    def _bounds(self) -> int:
        low, comma, high = self._until("}").partition(",")
        most = low if not comma else high or str(REGEX_MAX_REPEAT)
        if not (low.isascii() and low.isdigit() and most.isascii() and most.isdigit()):
            raise _Beyond
        if int(low) > REGEX_MAX_REPEAT or int(most) > REGEX_MAX_REPEAT:
            raise _Beyond
        return int(most)

    def _class(self) -> None:
        self._take("^")
        first = True
        while first or self._peek() != "]":
            character = self._next()
            if character == "\\":
                self._escape(in_class=True)
            elif character in {"[", "]"} or (character == "-" and not first and self._peek() not in {"]", ""}):
                raise _Beyond
            elif self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._at += 1
                if self._next() in {"\\", "[", "]"}:
                    raise _Beyond
            first = False
        self._at += 1

    def _escape(self, *, in_class: bool) -> None:
        character = self._next()
        if character in _CLASS_ESCAPES or character in _CHARACTER_ESCAPES or (character == "b" and not in_class):
            return
        # A letter or digit after a backslash means something of its own, or is refused.
        if not character.isascii() or character.isalnum():
            raise _Beyond

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise _Beyond
        self._at += 1
        return character

    def _until(self, character: str) -> str:
        end = self._pattern.find(character, self._at)
        if end < 0:
            raise _Beyond
        text = self._pattern[self._at : end]
        self._at = end + 1
        return text
