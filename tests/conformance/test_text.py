"""Does `$text` find documents by their words?"""

from collections.abc import Callable

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Capability, Deleted
from aol_wire.errors import DataError, Reason

INDEX = {"fields": ["title", "body.text"], "type": "text"}


@pytest.fixture
async def texts(trial: Trial, needs: Callable[[Capability], None]) -> Trial:
    """A collection with a text index over two fields."""
    needs(Capability.TEXT)
    await trial.ensure(INDEX)
    return trial


async def test_every_word_of_the_query_must_occur_in_some_indexed_field(texts: Trial) -> None:
    await texts.fill(
        {
            "1": {"title": "Late flight", "body": {"text": "from Newark"}},
            "2": {"title": "Late train"},
            "3": {"other": "late flight"},
        }
    )
    assert await texts.ids({"$text": "late"}) == ["1", "2"]
    assert await texts.ids({"$text": "newark late"}) == ["1"]
    assert await texts.ids({"$text": "train newark"}) == []


async def test_words_are_whole_and_of_any_case(texts: Trial) -> None:
    await texts.fill({"1": {"title": "STRASSE"}, "2": {"title": "straße"}, "3": {"title": "strassen"}, "4": {}})
    assert await texts.ids({"$text": "Straße"}) == ["1", "2"]
    assert await texts.ids({"$text": "stra"}) == []


async def test_a_word_is_a_run_of_letters_and_digits(texts: Trial) -> None:
    await texts.fill(
        {
            "1": {"title": "re-use UA123, don't_stop"},
            "2": {"title": "Ελλάδα 東京 naïve"},
            "3": {"title": '"AND" OR NOT NEAR(x) col:umn * ^'},
        }
    )
    for query in ("re", "use", "ua123", "don t stop", "DON'T"):
        assert await texts.ids({"$text": query}) == ["1"]
    for query in ("ΕΛΛΆΔΑ", "東京", "NAÏVE"):
        assert await texts.ids({"$text": query}) == ["2"]
    for query in ("and", "or not", "NEAR(x)", "col:umn", '"x"'):
        assert await texts.ids({"$text": query}) == ["3"]
    assert await texts.ids({"$text": "naive"}) == []
    assert await texts.ids({"$text": "reuse"}) == []


async def test_words_follow_updates_and_deletes(texts: Trial) -> None:
    await texts.fill({"1": {"title": "old"}, "2": {"title": "old"}, "3": {"title": "old"}})
    await texts.update({"_id": "1"}, {"title": "new"})
    await texts.update({"_id": "2"}, {"$unset": {"title": ""}})
    await texts.delete({"_id": "3"})
    assert await texts.ids({"$text": "old"}) == []
    assert await texts.ids({"$text": "new"}) == ["1"]


async def test_text_goes_with_other_conditions_and_with_soft_delete(texts: Trial) -> None:
    await texts.fill({str(n): {"title": "word", "n": n} for n in range(6)})
    await texts.delete({"n": 5}, soft=True)
    assert await texts.ids({"$text": "word", "n": {"$gte": 4}}) == ["4"]
    assert await texts.ids({"$text": "word", "n": {"$gte": 4}}, deleted=Deleted.INCLUDE) == ["4", "5"]
    assert await texts.ids({"$or": [{"$text": "nothing"}, {"n": 1}]}) == ["1"]
    assert await texts.ids({"$not": {"$text": "word"}}) == []
    assert await texts.update({"$text": "word"}, {"seen": True}) == 5


async def test_a_text_index_takes_long_strings_and_leaves_other_scalars_aside(texts: Trial) -> None:
    await texts.fill({"1": {"title": "long " * 5000 + "end"}, "2": {"title": 42}, "3": {"title": None}})
    assert await texts.ids({"$text": "end"}) == ["1"]
    assert await texts.ids({"$text": "42"}) == []


@pytest.mark.parametrize("value", [["word"], {"en": "word"}])
async def test_a_text_index_takes_no_arrays_and_objects(texts: Trial, value: list[str]) -> None:
    assert await texts.refusal(texts.insertion("1", {"title": value})) is Reason.BAD_DOCUMENT


async def test_a_text_index_is_built_over_what_is_there(trial: Trial, needs: Callable[[Capability], None]) -> None:
    needs(Capability.TEXT)
    await trial.fill({"1": {"title": "word"}, "2": {"body": {"text": "word"}}})
    await trial.ensure(INDEX)
    assert await trial.ids({"$text": "word"}) == ["1", "2"]


async def test_text_without_a_text_index_is_refused(trial: Trial, needs: Callable[[Capability], None]) -> None:
    needs(Capability.TEXT)
    await trial.insert("1", {"title": "word"})
    with pytest.raises(DataError) as caught:
        await trial.ids({"$text": "word"})
    assert caught.value.reason is Reason.BAD_FILTER


async def test_several_text_indexes_are_searched_together(texts: Trial) -> None:
    await texts.ensure(INDEX, {"fields": ["note"], "type": "text"})
    await texts.fill({"1": {"title": "late", "note": "rain"}, "2": {"note": "late"}})
    assert await texts.ids({"$text": "late"}) == ["1", "2"]
    assert await texts.ids({"$text": "late rain"}) == ["1"]


async def test_text_that_is_not_declared_is_refused(trial: Trial, capabilities: frozenset[Capability]) -> None:
    if Capability.TEXT in capabilities:
        pytest.skip("it is declared")
    with pytest.raises(DataError) as caught:
        await trial.ids({"$text": "word"})
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
