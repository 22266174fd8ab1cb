"""How does JSON get into `jsonb` so that its numbers compare by value, exactly?

`jsonb` keeps decimal digits as they are written. A double is written with the fewest digits that tell it from every
other double, so doubles compare with each other as their digits do; but from 2**53 on those digits may not be the
double's value, which must compare with integers. So integral doubles up to 2**64 are written out as integers.
"""

import json
import re

import orjson

from aol_wire.filters import Json

# An exponent of 16 to 19, as orjson writes doubles from 1e16 on: the only ones that are rewritten.
_LARGE = re.compile(rb"[0-9]e\+1[6-9]")
_INTEGERS_END = 2.0**64


def jsonb_text(value: Json) -> str:
    """Return a value as JSON text for `jsonb`."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, which is exactly a double
        return _written_out(value)
    return data.decode() if _LARGE.search(data) is None else _written_out(value)


def number_text(number: int | float) -> str:
    """Return a number as text for `numeric`, as `jsonb_text` writes it."""
    exact = _exact(number)
    return repr(exact)


def _written_out(value: Json) -> str:
    return json.dumps(_with_exact_numbers(value), ensure_ascii=False, separators=(",", ":"))


def _with_exact_numbers(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _with_exact_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_exact_numbers(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _exact(value)
    return value


def _exact(number: int | float) -> int | float:
    if isinstance(number, float):
        return int(number) if abs(number) < _INTEGERS_END and number.is_integer() else number
    return number if abs(number) < _INTEGERS_END else float(number)
