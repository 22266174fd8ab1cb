"""Do pages together make the whole, also while others write?"""

from dataclasses import replace

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.rules.sorting import fill_in_order
from aol_adapters.conformance.trial import Trial, documents_of
from aol_wire.adapter import Find, Found
from aol_wire.errors import Reason
from aol_wire.filters import Json
from aol_wire.limits import INDEXED_STRING_MAX_BYTES, POSITION_MAX_BYTES, SKIP_MAX_DOCUMENTS

_NO_POSITIONS = (
    b"x",
    b"[]",
    b"null",
    b'[["a","b","c"]]',
    b"\xff\x00",
    b"[[1,2],[3,4]]",
    b"[[1,2],[3,4],[5,6]]",
    b"{" * 5000,
)


async def _ids(trial: Trial, query: Find) -> list[str]:
    return _ids_of(await trial.pages(query))


def _ids_of(pages: list[Found]) -> list[str]:
    return [id_ for found in pages for id_ in found.page.id]


@rule(Topic.PAGES)
async def pages_together_are_the_whole(trial: Trial) -> None:
    """Pages of any size, in any order, hold together what one page would, over values of all types."""
    everything = await fill_in_order(trial)
    for sort, expected in (("v", everything), ("-v", everything[::-1])):
        for limit in (1, 2, 7):
            pages = await trial.pages(replace(trial.query({}, sort), limit=limit))
            expect_equal(f"the documents by {sort} in pages of {limit}", _ids_of(pages), expected)
            sizes = [len(found.page.id) for found in pages]
            full, rest = divmod(len(everything), limit)
            expect_equal("the sizes of the pages", sizes, [limit] * full + [rest] * (rest > 0))


@rule(Topic.PAGES)
async def pages_are_the_whole_over_an_index_too(trial: Trial) -> None:
    """With an index over the sort key pages neither skip nor repeat, in both directions."""
    indexed = await trial.fresh({"fields": ["v"], "type": "ascending"})
    everything = await fill_in_order(indexed, scalars=True)
    for sort, expected in (("v", everything), ("-v", everything[::-1])):
        found = await _ids(indexed, replace(indexed.query({}, sort), limit=2))
        expect_equal(f"the documents by {sort}", found, expected)


@rule(Topic.PAGES)
async def a_page_of_exactly_what_there_is_is_the_last(trial: Trial) -> None:
    """When nothing is left, no position says that there is more."""
    await trial.fill({f"{n}": {} for n in range(4)})
    found = await trial.adapter.find(replace(trial.query(), limit=4))
    expect_equal("the documents", list(found.page.id), ["0", "1", "2", "3"])
    expect_equal("the position after the last document", found.next_position, b"")
    found = await trial.adapter.find(replace(trial.query(), limit=3))
    expect("a position while a document is left", found.next_position != b"")


@rule(Topic.PAGES)
async def nothing_found_is_an_empty_page(trial: Trial) -> None:
    """A query without a match is answered by a page of no documents, and no position."""
    await trial.insert("1", {"a": 2})
    found = await trial.adapter.find(trial.query({"a": 1}))
    expect_equal("the documents", documents_of(found.page), [])
    expect_equal("the position", found.next_position, b"")


@rule(Topic.PAGES)
async def pages_neither_skip_nor_repeat_while_others_write(trial: Trial) -> None:
    """What stays during the paging comes exactly once, while documents around it come and go, the page's last too."""
    sorts: tuple[tuple[str, ...], ...] = ((), ("v",), ("-v",), ("v", "-w"))
    for sort in sorts:
        await _page_while_writing(await trial.fresh(), sort)


@rule(Topic.PAGES)
async def a_page_ends_at_its_bytes_but_one_document_always_fits(trial: Trial) -> None:
    """A page holds as many documents as fit its bytes of JSON, and at least one."""
    await trial.fill({f"{n}": {"s": "x" * 1000} for n in range(5)})
    for max_bytes, expected in ((2100, [2, 2, 1]), (10, [1] * 5)):
        pages = await trial.pages(replace(trial.query(), max_bytes=max_bytes))
        expect_equal(f"the sizes of pages of {max_bytes} bytes", [len(found.page.id) for found in pages], expected)


@rule(Topic.PAGES)
async def bytes_are_counted_after_the_projection(trial: Trial) -> None:
    """What a projection leaves out does not count for the page's bytes."""
    await trial.fill({f"{n}": {"s": "x" * 1000, "n": n} for n in range(5)})
    found = await trial.adapter.find(replace(trial.query(projection=["n"]), max_bytes=500))
    expect_equal("the documents of a page of 500 bytes", len(found.page.id), 5)


@rule(Topic.PAGES)
async def skip_leaves_out_the_first_documents_in_order(trial: Trial) -> None:
    """`skip` leaves out that many matching documents; beyond the last one nothing is left."""
    await trial.fill({f"{n:02}": {"n": n} for n in range(10)})
    query = replace(trial.query({"n": {"$lt": 9}}, "-n"), limit=2)
    found = await _ids(trial, replace(query, skip=3))
    expect_equal("the documents after the first 3", found, ["05", "04", "03", "02", "01", "00"])
    for skip in (9, SKIP_MAX_DOCUMENTS):
        page = await trial.adapter.find(replace(query, skip=skip))
        expect_equal(f"the documents after the first {skip}", list(page.page.id), [])
        expect_equal("the position after them", page.next_position, b"")


@rule(Topic.PAGES)
async def a_position_holds_every_sort_value_exactly(trial: Trial) -> None:
    """A page can end at any number and any string, and the next one begins right after it."""
    values: list[Json] = [2**53, 2**53 + 1, 2**63 - 1, 0.1, 1e-300, 5e-324, "\x01", "\u2028", True, -0.0, 1e16, None]
    await trial.fill({f"{n:02}": {"v": value} for n, value in enumerate(values)})
    for sort in ("v", "-v"):
        found = await _ids(trial, replace(trial.query({}, sort), limit=1))
        expect_equal(f"the documents by {sort} one by one", found, await trial.ids({}, sort))


@rule(Topic.PAGES)
async def the_longest_indexed_strings_fit_a_position(trial: Trial) -> None:
    """Four sort keys of the longest strings that an index takes, and an id of the greatest length, can be paged."""
    keys = ["a", "b", "c", "d"]
    indexed = await trial.fresh({"fields": keys, "type": "compound"})
    long = "😀" * (INDEXED_STRING_MAX_BYTES // 4 - 1)
    documents = {f"{n}" * 256: dict.fromkeys(keys, f"{long}{n}") for n in range(4)}
    await indexed.fill(documents)
    pages = await indexed.pages(replace(indexed.query({}, *keys), limit=1))
    expect_equal("the documents one by one", _ids_of(pages), sorted(documents))
    expect("positions of at most 5 KiB", all(len(found.next_position) <= POSITION_MAX_BYTES for found in pages))


@rule(Topic.PAGES)
async def sort_values_too_long_for_a_position_are_refused_where_a_page_ends(trial: Trial) -> None:
    """Longer strings sort as others do, but a page that would have to end at one is refused (TOO_LARGE)."""
    await trial.fill({f"{n}": {"s": "y" * 6000 + str(n)} for n in range(3)})
    query = trial.query({}, "s")
    expect_equal("the documents in one page", await trial.ids({}, "s"), ["0", "1", "2"])
    await expect_refusal("a page that ends there", trial.adapter.find(replace(query, limit=2)), Reason.TOO_LARGE)


@rule(Topic.PAGES)
async def a_position_that_is_none_is_refused(trial: Trial) -> None:
    """A position that no page gave is BAD_PAGE_TOKEN, whatever its bytes."""
    await trial.insert("1", {"v": 1})
    for position in _NO_POSITIONS:
        query = replace(trial.query({}, "v"), position=position)
        await expect_refusal(f"the position {position[:20]!r}", trial.adapter.find(query), Reason.BAD_PAGE_TOKEN)


@rule(Topic.PAGES)
async def count_is_of_all_that_match(trial: Trial) -> None:
    """A count knows no pages: it is the number of documents that match."""
    await trial.fill({f"{n:03}": {"n": n % 10} for n in range(250)})
    expect_equal("the count", await trial.count(), 250)
    expect_equal("the count of a filter", await trial.count({"n": {"$lt": 3}}), 75)


async def _page_while_writing(trial: Trial, sort: tuple[str, ...]) -> None:
    stay = {f"stay-{n:02}": {"v": n % 4, "w": n % 3} for n in range(24)}
    go = {f"go-{n:02}": {"v": n % 4, "w": n % 3} for n in range(12)}
    await trial.fill(stay | go)
    query = replace(trial.query({}, *sort), limit=4)
    found = await trial.adapter.find(query)
    seen = list(found.page.id)
    number = 0
    while found.next_position:
        # The last document of the page goes too: a position is a place, not a document.
        await trial.delete({"_id": seen[-1]} if seen[-1].startswith("go") else {"_id": f"go-{number:02}"})
        if number < 24:
            await trial.insert(f"new-{number:02}", {"v": number % 4, "w": 1})
        number += 1
        expect(f"an end of the pages by {sort}", number < 100)
        found = await trial.adapter.find(replace(query, position=found.next_position))
        seen += found.page.id
    expect_equal(f"documents that came twice by {sort}", sorted({id_ for id_ in seen if seen.count(id_) > 1}), [])
    expect_equal(f"documents that stayed and did not come by {sort}", sorted(stay.keys() - set(seen)), [])


RULES: tuple[Rule, ...] = (
    pages_together_are_the_whole,
    pages_are_the_whole_over_an_index_too,
    a_page_of_exactly_what_there_is_is_the_last,
    nothing_found_is_an_empty_page,
    pages_neither_skip_nor_repeat_while_others_write,
    a_page_ends_at_its_bytes_but_one_document_always_fits,
    bytes_are_counted_after_the_projection,
    skip_leaves_out_the_first_documents_in_order,
    a_position_holds_every_sort_value_exactly,
    the_longest_indexed_strings_fit_a_position,
    sort_values_too_long_for_a_position_are_refused_where_a_page_ends,
    a_position_that_is_none_is_refused,
    count_is_of_all_that_match,
)
