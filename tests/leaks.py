"""How do tests find a text that must not have been written? In every form that programs commonly write text in."""

import base64
from collections.abc import Iterable, Mapping


def forms(marker: str) -> Iterable[bytes]:
    """Yield how a marker, of ASCII letters in lower case, looks in bytes.

    As it is: that is also how it stands in JSON, a URL, a `repr`, in UTF-8 and Latin-1. Then in hexadecimal, base64
    (of either alphabet, wherever in what is encoded), and UTF-16 of either byte order.
    """
    text = marker.encode()
    yield text
    yield text.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        # At both ends, digits hold bits of what stands beside the marker.
        yield encoded[before and 4 : len(encoded) - 4]
    yield b"\0".join(text[index : index + 1] for index in range(len(text)))


def where(marker: str, written: Mapping[str, bytes]) -> list[str]:
    """Return the names of what holds a marker in any form, each with the form and what stands around it."""
    found = []
    for name, content in written.items():
        small = content.lower()
        for form in forms(marker):
            # Digits of base64 are told apart by their case, all other forms are not.
            at = max(small.find(form), content.find(form))
            if at >= 0:
                found.append(f"{name}: {form!r} in {content[max(0, at - 200) : at + 200]!r}")
    return found
