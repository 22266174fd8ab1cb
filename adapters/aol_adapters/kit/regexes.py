"""How is a pattern of the common level written for another engine, so that it means what it means in RE2?

Engines agree on literals, groups, alternation and bounds. They differ in what `.`, `$`, `\\b` and the classes take, and
in what is folded when case is ignored; so these are spelled as the engine wants them, and case folding is written out,
as RE2 does it.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from aol_wire.regexes import compile_regex

_WORD = "[0-9A-Za-z_]"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How an engine writes what engines differ in."""

    any_character: str
    end: str
    word_boundary: str


POSTGRES = Spelling(any_character="[^\\n]", end="$", word_boundary="\\y")
"""For the "advanced" expressions of PostgreSQL under the collation "C".
(https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS)
"""

PCRE = Spelling(
    any_character="[^\\n]",
    # `$` would match before a newline at the end.
    end="(?![\\s\\S])",
    word_boundary=f"(?:(?<!{_WORD})(?={_WORD})|(?<={_WORD})(?!{_WORD}))",
)
"""For Perl-compatible expressions without options, as MongoDB has them."""

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": " \\t\\n\\f\\r"}
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


@lru_cache(maxsize=128)
def translate(pattern: str, *, ignore_case: bool, spelling: Spelling) -> str:
    """Return a pattern of the common level as an engine takes it."""
    return _Translation(pattern, ignore_case, spelling).written()


class _Translation:
    """Goes through a pattern that `aol_wire.regexes.classify` found to be of the common level."""

    def __init__(self, pattern: str, ignore_case: bool, spelling: Spelling) -> None:
        self._pattern = pattern
        self._at = 0
        self._ignore_case = ignore_case
        self._spelling = spelling

    def written(self) -> str:
        parts = []
        while self._at < len(self._pattern):
            character = self._next()
            if character == "\\":
                parts.append(self._escape())
            elif character == "[":
                parts.append(self._class())
            elif character == ".":
                parts.append(self._spelling.any_character)
            elif character == "(" and self._pattern.startswith("?:", self._at):
                self._at += 2
                parts.append("(?:")
            elif character == "{":
                end = self._pattern.index("}", self._at) + 1
                parts.append("{" + self._pattern[self._at : end])
                self._at = end
            elif character == "$":
                parts.append(self._spelling.end)
            elif character in "^|()*+?":
                parts.append(character)
            else:
                parts.append(self._literal(character))
        # Nothing that is written can be taken for an option or director: they begin with `***` or `(?` and a letter.
        return "".join(parts)

    def _escape(self) -> str:
        character = self._next()
        if character in _CLASSES:
            # RE2 folds them, too: the Kelvin sign is a word character then.
            others = _folded(f"\\{character}") if self._ignore_case else ()
            return f"[{_CLASSES[character]}{''.join(map(_in_class, others))}]"
        if character == "b":
            return self._spelling.word_boundary
        return "\\" + character if character in "nrtf" else self._literal(character)

    def _class(self) -> str:
        start = self._at - 1
        negated = self._take("^")
        parts = []
        first = True
        while first or self._pattern[self._at] != "]":
            parts.append(self._class_item())
            first = False
        self._at += 1
        if self._ignore_case:
            # A positive class folds before it is negated.
            text = "[" + self._pattern[start + 1 + negated : self._at]
            parts += [_in_class(other) for other in _folded(text)]
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _class_item(self) -> str:
        character = self._next()
        if character == "\\":
            escaped = self._next()
            if escaped in _CLASSES:
                return _CLASSES[escaped]
            return "\\" + escaped if escaped in "nrtf" else _in_class(escaped)
        if self._pattern[self._at] == "-" and self._pattern[self._at + 1] != "]":
            self._at += 1
            return f"{_in_class(character)}-{_in_class(self._next())}"
        return _in_class(character)

    def _literal(self, character: str) -> str:
        if self._ignore_case:
            others = _folded(_escaped(character))
            if others:
                return f"[{_in_class(character)}{''.join(map(_in_class, others))}]"
        return _escaped(character)

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, character: str) -> bool:
        if not self._pattern.startswith(character, self._at):
            return False
        self._at += 1
        return True


def _escaped(character: str) -> str:
    """Return a literal character outside of classes."""
    return (
        "\\" + character if character.isascii() and not character.isalnum() and character.isprintable() else character
    )


def _in_class(character: str) -> str:
    """Return a literal character within a class."""
    return "\\" + character if character in "\\[]^-" else character


@lru_cache(maxsize=512)
def _folded(text: str) -> tuple[str, ...]:
    """Return the cased characters that RE2 matches with one character or class, case ignored."""
    return tuple(compile_regex(text, True).findall(_cased()))


@cache
def _cased() -> str:
    """Return every character that has a case, one behind the other."""
    found = []
    for number in range(_LAST_CHARACTER + 1):
        if number in _SURROGATES:
            continue
        character = chr(number)
        if unicodedata.category(character) in {"Lu", "Ll", "Lt", "Mn", "Nl", "So"} and (
            character.lower() != character or character.upper() != character or character.casefold() != character
        ):
            found.append(character)
    return "".join(found)
