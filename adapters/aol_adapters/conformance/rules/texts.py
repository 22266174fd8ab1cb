"""Does `$text` find documents by their words?"""

from aol_adapters.conformance.expect import expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import expect_matching
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import Reason

_INDEX: Document = {"fields": ["title", "body.text"], "type": "text"}


@rule(Topic.TEXT, Capability.TEXT)
async def every_word_must_occur_in_some_indexed_field(trial: Trial) -> None:
    """All words of the query occur somewhere in the indexed fields, in any order and field, and in no other field."""
    await trial.ensure(_INDEX)
    await trial.fill(
        {
            "1": {"title": "Late flight", "body": {"text": "from Newark"}},
            "2": {"title": "Late train"},
            "3": {"other": "late flight"},
        }
    )
    await expect_matching(trial, {"$text": "late"}, ["1", "2"])
    await expect_matching(trial, {"$text": "newark late"}, ["1"])
    await expect_matching(trial, {"$text": "train newark"}, [])


@rule(Topic.TEXT, Capability.TEXT)
async def words_are_whole_and_of_any_case(trial: Trial) -> None:
    """A part of a word does not match, nor another form of it; case is folded fully: `STRASSE` is `straße`."""
    await trial.ensure(_INDEX)
    await trial.fill({"1": {"title": "STRASSE"}, "2": {"title": "straße"}, "3": {"title": "strassen"}, "4": {}})
    await expect_matching(trial, {"$text": "Straße"}, ["1", "2"])
    await expect_matching(trial, {"$text": "stra"}, [])
    await expect_matching(trial, {"$text": "strassens"}, [])


@rule(Topic.TEXT, Capability.TEXT)
async def a_word_is_a_run_of_letters_and_digits(trial: Trial) -> None:
    """Everything else parts words, the underscore too; an accent makes another letter."""
    await trial.ensure(_INDEX)
    await trial.fill({"1": {"title": "re-use UA123, don't_stop"}, "2": {"title": "Ελλάδα 東京 naïve"}})
    for query in ("re", "use", "ua123", "don t stop", "DON'T"):
        await expect_matching(trial, {"$text": query}, ["1"])
    for query in ("ΕΛΛΆΔΑ", "東京", "NAÏVE"):
        await expect_matching(trial, {"$text": query}, ["2"])
    for query in ("naive", "reuse", "東", "ua"):
        await expect_matching(trial, {"$text": query}, [])


@rule(Topic.TEXT, Capability.TEXT)
async def words_that_are_syntax_of_a_search_engine_are_words(trial: Trial) -> None:
    """`AND`, `OR`, `NOT`, `NEAR`, quotes, stars and columns mean nothing but their words, and common words count."""
    await trial.ensure(_INDEX)
    await trial.fill({"1": {"title": '"AND" OR NOT NEAR(x) col:umn * ^'}, "2": {"title": "the x factor"}})
    for query in ("and", "or not", "NEAR(x)", "col:umn", "AND"):
        await expect_matching(trial, {"$text": query}, ["1"])
    for query in ("x*", '"x"', "-x", "^x"):
        await expect_matching(trial, {"$text": query}, ["1", "2"])
    await expect_matching(trial, {"$text": "the"}, ["2"])
    await expect_matching(trial, {"$text": "fact*"}, [])


@rule(Topic.TEXT, Capability.TEXT)
async def words_follow_updates_and_deletes(trial: Trial) -> None:
    """An updated document is found by its new words only, and a deleted one not at all."""
    await trial.ensure(_INDEX)
    await trial.fill({"1": {"title": "old"}, "2": {"title": "old"}, "3": {"title": "old"}})
    await trial.update({"_id": "1"}, {"title": "new"})
    await trial.update({"_id": "2"}, {"$unset": {"title": ""}})
    await trial.delete({"_id": "3"})
    await expect_matching(trial, {"$text": "old"}, [])
    await expect_matching(trial, {"$text": "new"}, ["1"])


@rule(Topic.TEXT, Capability.TEXT)
async def text_goes_with_other_conditions(trial: Trial) -> None:
    """`$text` stands beside other conditions and inside logic, sorts, counts, and chooses what is updated."""
    await trial.ensure(_INDEX)
    await trial.fill({str(n): {"title": "word", "n": n} for n in range(5)})
    await trial.insert("5", {"title": "other", "n": 5})
    await expect_matching(trial, {"$text": "word", "n": {"$gte": 4}}, ["4"])
    await expect_matching(trial, {"$or": [{"$text": "other"}, {"n": 1}]}, ["1", "5"])
    await expect_matching(trial, {"$not": {"$text": "word"}}, ["5"])
    expect_equal("the order by -n", await trial.ids({"$text": "word"}, "-n"), ["4", "3", "2", "1", "0"])
    expect_equal("the documents updated", await trial.update({"$text": "word"}, {"seen": True}), 5)


@rule(Topic.TEXT, Capability.TEXT)
async def a_text_index_takes_strings_of_any_length_and_leaves_other_scalars_aside(trial: Trial) -> None:
    """A word at the end of a long string is found; a number is no word."""
    await trial.ensure(_INDEX)
    await trial.fill({"1": {"title": "long " * 5000 + "end"}, "2": {"title": 42}, "3": {"title": None}})
    await expect_matching(trial, {"$text": "end"}, ["1"])
    await expect_matching(trial, {"$text": "42"}, [])


@rule(Topic.TEXT, Capability.TEXT)
async def a_text_index_is_built_over_what_is_there(trial: Trial) -> None:
    """Documents that were there before the index are found through it."""
    await trial.fill({"1": {"title": "word"}, "2": {"body": {"text": "word"}}, "3": {"title": "other"}})
    await trial.ensure(_INDEX)
    await expect_matching(trial, {"$text": "word"}, ["1", "2"])


@rule(Topic.TEXT, Capability.TEXT)
async def several_text_indexes_are_searched_together(trial: Trial) -> None:
    """The words of a query may be in fields of different text indexes."""
    await trial.ensure(_INDEX, {"fields": ["note"], "type": "text"})
    await trial.fill({"1": {"title": "late", "note": "rain"}, "2": {"note": "late"}})
    await expect_matching(trial, {"$text": "late"}, ["1", "2"])
    await expect_matching(trial, {"$text": "late rain"}, ["1"])


@rule(Topic.TEXT, Capability.TEXT)
async def text_without_a_text_index_is_refused(trial: Trial) -> None:
    """`$text` on a collection without a text index is BAD_FILTER in every call, and changes nothing."""
    await trial.insert("1", {"title": "word"})
    for condition in ({"$text": "word"}, {"$or": [{"n": 1}, {"$not": {"$text": "word"}}]}):
        await expect_refusal(f"find with {condition}", trial.ids(condition), Reason.BAD_FILTER)
        await expect_refusal(f"count with {condition}", trial.count(condition), Reason.BAD_FILTER)
        for mutation in (trial.change(condition, {"x": 1}), trial.removal(condition)):
            name = type(mutation).__name__.lower()
            await expect_refusal(f"{name} with {condition}", trial.apply(mutation), Reason.BAD_FILTER)
    document = await trial.get("1")
    expect_equal("version and x after refused writes", (document.get("_version"), document.get("x")), (1, None))


RULES: tuple[Rule, ...] = (
    every_word_must_occur_in_some_indexed_field,
    words_are_whole_and_of_any_case,
    a_word_is_a_run_of_letters_and_digits,
    words_that_are_syntax_of_a_search_engine_are_words,
    words_follow_updates_and_deletes,
    text_goes_with_other_conditions,
    a_text_index_takes_strings_of_any_length_and_leaves_other_scalars_aside,
    a_text_index_is_built_over_what_is_there,
    several_text_indexes_are_searched_together,
    text_without_a_text_index_is_refused,
)
