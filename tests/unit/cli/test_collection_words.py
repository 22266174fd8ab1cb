"""Do `aol collections` and `aol describe` say in words where a collection is, and how it is kept?"""

import pytest

from aol_cli.commands.collections import adapter_in_words, storage_in_words
from aol_client import CollectionInfo, StorageInfo


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (StorageInfo(), ""),
        (StorageInfo("created_at", "day"), "partitioned by created_at, one day each"),
        (StorageInfo("at", "month", 62 * 86_400), "partitioned by at, one month each, kept for 62d"),
        (StorageInfo("at", "day", 36 * 3_600), "partitioned by at, one day each, kept for 36h"),
        (StorageInfo(tenancy="schema"), "a schema for each tenant"),
        (StorageInfo("at", "day", None, "database"), "partitioned by at, one day each, a database for each tenant"),
    ],
)
def test_storage_is_told_where_it_is_not_what_every_adapter_has(storage: StorageInfo, words: str) -> None:
    assert storage_in_words(storage) == words


@pytest.mark.parametrize(("moving_to", "words"), [("", "sqlite"), ("postgres", "sqlite, being copied to postgres")])
def test_the_adapter_that_it_is_being_copied_to_is_told(moving_to: str, words: str) -> None:
    info = CollectionInfo("a.b", "a", "", {}, (), (), "sqlite", False, "off", False, moving_to=moving_to)
    assert adapter_in_words(info) == words
