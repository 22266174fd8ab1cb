"""What do both sides store? Small documents, ten of each user."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

DOCUMENTS_A_USER = 10


def document_id(number: int) -> str:
    """Return the id of a document; ids come in the order of their numbers."""
    return f"{number:012}"


def user(number: int) -> str:
    """Return the user that a document belongs to."""
    return f"u{number // DOCUMENTS_A_USER:09}"


def document(number: int) -> Document:
    """Return a document of some 130 bytes, its `_id` included."""
    return {
        "_id": document_id(number),
        "user": user(number),
        "type": "user.login",
        "at": "2025-11-22T00:00:00.000000Z",
        "n": number,
        "data": {"ip": "10.0.0.1"},
    }


def documents(numbers: range) -> Iterator[Document]:
    """Yield documents."""
    return (document(number) for number in numbers)
