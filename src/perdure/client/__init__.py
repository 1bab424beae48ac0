"""The typed async client of Perdure.

async with Client("127.0.0.1:50051") as client:
result = await client.execute("order", {"sku": "X"})
"""

from perdure.client.client import Client
from perdure.client.errors import (
    CallFailed,
    ClientError,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionPending,
    FieldViolation,
)
from perdure.client.results import ExecuteResult
from perdure.client.watching import Watch

__all__ = [
    "CallFailed",
    "Client",
    "ClientError",
    "ExecuteResult",
    "ExecutionCancelled",
    "ExecutionFailed",
    "ExecutionPending",
    "FieldViolation",
    "Watch",
]
