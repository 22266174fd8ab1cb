"""How are many rows read while calls go on? A few at a time: all at once, they would hold up calls."""

from typing import Any

from sqlalchemy import Row, RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncConnection

_ROWS_AT_A_TIME = {"yield_per": 1000}


async def read_mappings(connection: AsyncConnection, wanted: Select[Any]) -> list[RowMapping]:
    """Return rows, by the names of their columns."""
    result = await connection.stream(wanted, execution_options=_ROWS_AT_A_TIME)
    return [row async for part in result.mappings().partitions() for row in part]


async def read_rows(connection: AsyncConnection, wanted: Select[Any]) -> list[Row[Any]]:
    """Return rows as tuples."""
    result = await connection.stream(wanted, execution_options=_ROWS_AT_A_TIME)
    return [row async for part in result.partitions() for row in part]
