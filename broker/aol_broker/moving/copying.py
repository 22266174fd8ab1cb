"""How are documents copied? A page at a time, in the order of their keys, with all that is known of them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import orjson

from aol.data.v1.document_pb2 import Page
from aol_broker.moving.digests import copied
from aol_broker.registry.moves import Progress
from aol_wire.adapter import Adapter, Deleted, Find, Target, Write
from aol_wire.documents import ensure_document
from aol_wire.errors import DataError, Reason

PAGE_DOCUMENTS = 1000


async def copy(
    source: Adapter, target: Adapter, where: Target, progress: Progress, *, until: float, left_s: Callable[[], float]
) -> tuple[Progress, bool]:
    """Copy pages until a time on the clock `time.monotonic`, at least one; return how far, and whether that is all.

    :param where: the collection, of all tenants.
    :param left_s: what is left of the caller's time, in seconds.
    :raises DataError: a document cannot be stored in the target, or one of the adapters failed. Doing it again is safe.
    """
    while True:
        query = Find(
            where, limit=PAGE_DOCUMENTS, position=progress.position, deleted=Deleted.INCLUDE, timeout_s=left_s()
        )
        found = await source.find(query)
        _check(found.page)
        await _store(target, where, found.page, left_s)
        copied_now = progress.copied + len(found.page.id)
        progress = replace(progress, copied=copied_now, position=found.next_position)
        if not found.next_position:
            return progress, True
        if time.monotonic() >= until:
            return progress, False


def _check(page: Page) -> None:
    """Return if the documents of a page are such as services write: those of other tools may be more than JSON.

    :raises DataError: BAD_DOCUMENT or TOO_LARGE.
    """
    wrong: list[DataError] = []
    for json in page.json:
        try:
            ensure_document(orjson.loads(json))
        except DataError as error:
            wrong.append(error)
    if wrong:
        places = ", ".join(dict.fromkeys(it.path for error in wrong[:3] for it in error.violations))
        raise DataError(
            wrong[0].reason,
            f"{len(wrong)} of {len(page.id)} documents of a page are not such as services write, as at {places}. "
            "Other tools stored them: correct them in the database. The copy goes on from here when it is started "
            "again.",
        )


async def _store(target: Adapter, where: Target, page: Page, left_s: Callable[[], float]) -> None:
    failures: Counter[Reason] = Counter()
    for tenant, items in groupby(copied(page), key=lambda item: item.tenant):
        inserts = [item.insert for item in items]
        outcomes = await target.write(Write(replace(where, tenant=tenant), inserts, timeout_s=left_s()))
        # Another document under the same id is left to the comparison, which counts all of them.
        failures.update(
            outcome.error.reason
            for outcome in outcomes
            if outcome.error is not None and outcome.error.reason is not Reason.DUPLICATE_ID
        )
    if failures:
        reason, _ = failures.most_common(1)[0]
        counts = ", ".join(f"{count} with {name}" for name, count in sorted(failures.items()))
        raise DataError(
            reason,
            f"The target does not take {failures.total()} of {len(page.id)} documents of a page: {counts}. The copy "
            "goes on from here when it is started again.",
        )
