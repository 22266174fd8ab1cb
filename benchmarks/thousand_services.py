"""What is a large platform? A thousand services with ten thousand collections, each read by another service."""

from sqlalchemy import func, insert, select, text, update

from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.registry import tables
from aol_broker.registry.plan_changes import ManifestToApply, PlanToApply
from aol_broker.registry.store import Registry
from aol_broker.usage.counter import HOUR_US
from aol_broker.usage.uses import CALL, WHOLE, Shape
from aol_wire.ids import now_us

SERVICES = 1_000
COLLECTIONS_A_SERVICE = 10
# One collection in so many is used at all hours, the others now and then.
BUSY_ONE_IN = 10
# Counters of hours stay for seven days, those of days for ninety.
HOURS_KEPT, DAYS_KEPT = 7 * 24, 90


def manifest_text(number: int, word: str = "first") -> str:
    """Return the manifest of a service, whose collections the next service reads."""
    collections = "".join(
        f"      - name: c{place}\n"
        f"        description: The {word} of them\n"
        # No two are the same, so that nothing gains by having read one like it.
        f"        schemaHint: {{title: string, at: datetime, n{number}_{place}: number, place: {{city: string}}}}\n"
        "        indexes:\n"
        f"          - {{fields: [n{number}_{place}], type: ascending}}\n"
        "          - {fields: [title, {at: desc}], type: compound}\n"
        f"        sharing: [{{service: s{_after(number)}, permission: read}}]\n"
        for place in range(COLLECTIONS_A_SERVICE)
    )
    requests = "".join(
        f"      - {{collection: s{_after(number, -1)}.c{place}, permission: read, reason: counting}}\n"
        for place in range(COLLECTIONS_A_SERVICE)
    )
    return (
        f"metadata: {{name: s{number}, version: '1'}}\nspec:\n  dataRequirements:\n"
        f"    collections:\n{collections}    accessRequests:\n{requests}"
    )


def parsed_manifests(word: str = "first") -> tuple[list[str], list[Manifest]]:
    """Return the manifests of all services, as texts and read."""
    texts = [manifest_text(number, word) for number in range(SERVICES)]
    return texts, [parse_manifest(item, "manifest.yaml") for item in texts]


async def register(registry: Registry, texts: list[str], manifests: list[Manifest]) -> None:
    """Have a registry, which is empty, hold all services."""
    items = [ManifestToApply(item, text, "manifest.yaml") for item, text in zip(manifests, texts, strict=True)]
    await registry.apply_plan(PlanToApply("first", registry.snapshot.revision, items), "benchmark")


async def count_uses(registry: Registry) -> tuple[int, int]:
    """Write down what ninety days of calls leave; return how many rows of uses and of shapes there are then.

    Each collection is queried by another service, by two fields of it, and inserted and updated by its owner.
    """
    hour = now_us() // HOUR_US
    day = hour // 24 * 24 - HOURS_KEPT
    begun_us = now_us() - DAYS_KEPT * 24 * HOUR_US
    async with registry.database.writing() as connection:
        await connection.execute(update(tables.usage_since).values(since_us=begun_us))
        # All was there already when counting began: of what is newer, nothing is said to be unused.
        await connection.execute(update(tables.collections).values(created_us=begun_us - 1))
        await connection.execute(update(tables.manifests).values(applied_us=begun_us - 1))
        await connection.execute(update(tables.access_requests).values(created_us=begun_us - 1))
        for table, rows_of in ((tables.usage, _uses), (tables.usage_shapes, _shapes)):
            for number in range(SERVICES):
                await connection.execute(insert(table), rows_of(number, hour))
        for statement in (_DAYS, _HOURS, _SHAPE_DAYS):
            await connection.execute(text(statement), {"day": day, "hour": hour})
        await connection.commit()
        counts = [await connection.execute(select(func.count()).select_from(table)) for table in _COUNTED]
        return counts[0].scalar_one(), counts[1].scalar_one()


_COUNTED = (tables.usage, tables.usage_shapes)
# Each row that there is stands for further ones: many of those of a collection that is used at all hours.
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200) "
_BUSY_CALLS = 400
_KEPT = f"n < CASE WHEN calls >= {_BUSY_CALLS} THEN {{}} ELSE {{}} END"
_DAYS = (
    f"{_NUMBERS} INSERT INTO usage SELECT collection_id, service, verb, path, :day - 24 * n, 24, 24 * calls, "
    f"last_us - {HOUR_US} * ({HOURS_KEPT} + 24 * n) FROM usage, numbers "
    f"WHERE {_KEPT.format(DAYS_KEPT - HOURS_KEPT // 24, 4)}"
)
_HOURS = (
    f"{_NUMBERS} INSERT INTO usage SELECT collection_id, service, verb, path, hour - n, 1, calls, "
    f"last_us - {HOUR_US} * n FROM usage, numbers WHERE hour = :hour AND {_KEPT.format(HOURS_KEPT, 3)}"
)
_SHAPE_DAYS = (
    f"{_NUMBERS} INSERT INTO usage_shapes SELECT collection_id, service, shape, hour - 24 * n, calls, "
    f"last_us - {24 * HOUR_US} * n FROM usage_shapes, numbers WHERE {_KEPT.format(DAYS_KEPT, 4)}"
)


def _uses(number: int, hour: int) -> list[dict[str, object]]:
    """Return the counters of the collections of a service in one hour."""
    rows = []
    for place in range(COLLECTIONS_A_SERVICE):
        calls = _BUSY_CALLS if place % BUSY_ONE_IN == 0 else 3
        counted = {"collection_id": f"s{number}.c{place}", "hour": hour, "hours": 1, "calls": calls}
        for service, verb, paths in (
            (f"s{_after(number)}", "query", (CALL, WHOLE, "title", "place.city")),
            (f"s{number}", "insert", (CALL, WHOLE)),
            (f"s{number}", "update", (CALL, "_id", "title")),
        ):
            used = {**counted, "service": service, "verb": verb, "last_us": hour * HOUR_US}
            rows += [{**used, "path": path} for path in paths]
    return rows


def _shapes(number: int, hour: int) -> list[dict[str, object]]:
    """Return the counters of the shapes of filters in one day."""
    rows = []
    for place in range(COLLECTIONS_A_SERVICE):
        calls = _BUSY_CALLS if place % BUSY_ONE_IN == 0 else 3
        counted = {"collection_id": f"s{number}.c{place}", "hour": hour // 24 * 24, "calls": calls}
        for service, shape in (
            (f"s{_after(number)}", Shape(equal=(("place", "city"), ("title",)))),
            (f"s{number}", Shape(equal=(("_id",),))),
        ):
            rows.append({**counted, "service": service, "shape": shape.text, "last_us": hour * HOUR_US})
    return rows


def _after(number: int, step: int = 1) -> int:
    return (number + step) % SERVICES
