"""How does JSON get into `jsonb` so that its numbers compare by value, exactly?

`jsonb` keeps decimal digits as they are written. A double is written with the fewest digits that tell it from every
other double, so doubles compare with each other as their digits do; but from 1e16 on those digits may not be the
double's value, which must compare with integers. So doubles from there up to 2**64 are written out.
"""

import re

import orjson
import re2

from aol_wire.filters import Json

# An exponent of 16 to 19, as orjson writes doubles from 1e16 on, older versions of it without the plus: the only ones
# that are rewritten.
_LARGE = re.compile(rb"[0-9]e\+?1[6-9]")
# A number that is not written as `jsonb_text` writes it, or may not be: one with an exponent, with more digits than all
# doubles (15) and integers (16) keep, with zeros at the end of its decimal places, or a negative zero. All others are
# for `jsonb` what they are as they stand. What stands within a string may be taken for a number, which costs time only.
# In RE2: `re` takes longer than to read the text and write it anew.
_UNUSUAL = re2.compile(
    r'(?:"\s*:|[\[,])\s*(?:-0[^.]|-?(?:[0-9.]{17}|[0-9.]+[eE]|[0-9]+\.[0-9]+0[^0-9]))',
)
# Up to here the fewest digits of a double are its value.
_DIGITS_END = 1e16
_INTEGERS_END = 2.0**64


def has_usual_numbers(documents: str) -> bool:
    """Return whether JSON texts of objects, with anything between them, are for `jsonb` as good as `jsonb_text`."""
    return _UNUSUAL.search(documents) is None


def jsonb_text(value: Json) -> str:
    """Return a value as JSON text for `jsonb`."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, which is exactly a double
        return _written_out(value)
    if b"e1" not in data and b"e+1" not in data:  # which is looked for much faster
        return data.decode()
    return data.decode() if _LARGE.search(data) is None else _written_out(value)


def number_text(number: int | float) -> str:
    """Return a number as text for `numeric`, as `jsonb_text` writes it."""
    if isinstance(number, int) and abs(number) < _INTEGERS_END:
        return str(number)
    double = float(number)
    # With a decimal place it stays what it is: a double is read back as one.
    return f"{int(double)}.0" if _DIGITS_END <= abs(double) < _INTEGERS_END else repr(double)


def _written_out(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{orjson.dumps(key).decode()}:{_written_out(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written_out, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_text(value)
    return orjson.dumps(value).decode()
