"""What does each line ask of both sides? The same few calls, of the driver itself and through the broker."""

from collections.abc import Sequence
from typing import Protocol

from benchmarks.documents import Document


class WrongAnswerError(Exception):
    """A side did not do what was asked of it, so that what it took for it means nothing."""


class Store(Protocol):
    """One side. Each call returns when its effect is durable, or its answer is there as dicts.

    :raises WrongAnswerError: the answer is not what was stored.
    """

    async def create(self, collection: str) -> None:
        """Make an empty collection."""

    async def index(self, collection: str) -> None:
        """Index a collection by `user`; return when the index is in use."""

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document."""

    async def get(self, collection: str, document_id: str) -> Document:
        """Return one document by its id."""

    async def find(self, collection: str, user: str) -> Sequence[Document]:
        """Return the first ten documents of a user, by their ids."""

    async def update(self, collection: str, document_id: str, number: int) -> None:
        """Set `n` of one document."""

    async def delete(self, collection: str, document_id: str) -> None:
        """Delete one document."""

    async def insert_many(self, collection: str, numbers: range) -> None:
        """Insert the documents of these numbers."""

    async def scan(self, collection: str) -> int:
        """Read every document; return how many there are."""


def check(right: bool, what: str) -> None:
    """Return if an answer is right.

    :raises WrongAnswerError: it is not.
    """
    if not right:
        raise WrongAnswerError(f"{what}: the answer is not what was stored")
