"""Are rows expired in SQL exactly when the contract says that documents are?"""

import json
from datetime import timedelta
from typing import Any

import asyncpg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.expiring import expired_in
from aol_wire.expiry import is_expired
from aol_wire.index_parser import parse_index

NOW_US = 1_763_812_800_000_000
NOW = "2025-11-22T12:00:00.000000Z"
DATETIMES = st.datetimes().map(lambda it: it.isoformat(timespec="microseconds") + "Z")
NEARBY = st.timedeltas(timedelta(seconds=-70), timedelta(seconds=70)).map(
    lambda it: f"2025-11-22T12:0{0 if it.total_seconds() < 0 else 1}:{abs(it.seconds) % 60:02d}.{it.microseconds:06d}Z"
)
DAYS = ["2025-02-29", "1900-02-29", "2000-02-29", "2024-02-29", "2025-13-01", "2025-04-31", "0000-01-01", "0001-01-01"]
FALSE = [
    *(f"{day}T00:00:00.000000Z" for day in DAYS),
    *(f"2025-01-01T{time}" for time in ("24:00:00.000000Z", "00:60:00.000000Z", "00:00:60.000000Z", "00:00:00Z")),
    *(
        "2025-01-01T00:00:00.000000+00:00",
        "2025-01-01",
        "2025-01-01T00:00:00.000000Z\n",
        " 2025-01-01T00:00:00.000000Z",
    ),
    *("\u0662\u0660\u0662\u0665-01-01T00:00:00.000000Z", "", "now", "-infinity", NOW, "2025-11-22T12:00:00.000001Z"),
]
VALUES: st.SearchStrategy[Any] = st.one_of(
    DATETIMES, NEARBY, st.sampled_from(FALSE), st.none(), st.booleans(), st.integers(-10, 10), st.just([]), st.just({})
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=10, max_size=10), after_s=st.sampled_from([0, 1, 60, 86_400, 10**9]))
@example(values=FALSE, after_s=0)
@example(values=FALSE, after_s=60)
async def test_a_row_is_expired_when_its_document_is(postgres_dsn: str, values: list[Any], after_s: int) -> None:
    index = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": after_s}, "index")
    documents = [{"until": value} for value in values] + [{}]
    bindings = Bindings()
    condition = expired_in(index, NOW_US, bindings)
    texts = bindings.texts([json.dumps(document) for document in documents])
    connection = await asyncpg.connect(postgres_dsn)
    try:
        sql = (
            f"SELECT {condition} AS expired FROM (SELECT text::jsonb AS doc, number "
            f"FROM unnest({texts}) WITH ORDINALITY AS texts(text, number)) AS rows ORDER BY number"
        )
        found = [row["expired"] for row in await connection.fetch(sql, *bindings.values)]
    finally:
        await connection.close()
    assert found == [is_expired(document, [index], NOW_US) for document in documents]
