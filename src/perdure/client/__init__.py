"""The typed client of Perdure, asynchronous and, for scripts, synchronous.

async with Client("127.0.0.1:50051") as client:
    result = await client.execute("order", {"sku": "X"})

with SyncClient("127.0.0.1:50051") as client:
    result = client.execute("order", {"sku": "X"})
"""

from perdure.client.client import Client
from perdure.client.errors import (
    CallFailed,
    ClientClosed,
    ClientError,
    CursorExpired,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionPending,
    FieldViolation,
)
from perdure.client.results import Count, ExecuteResult, ReplayResult, SignalResult
from perdure.client.sync.client import SyncClient
from perdure.client.sync.watching import SyncWatch
from perdure.client.updates import Left, Reset, Synced, WatchMessage, WatchUpdate
from perdure.client.watching import Watch

__all__ = [
    "CallFailed",
    "Client",
    "ClientClosed",
    "ClientError",
    "Count",
    "CursorExpired",
    "ExecuteResult",
    "ExecutionCancelled",
    "ExecutionFailed",
    "ExecutionPending",
    "FieldViolation",
    "Left",
    "ReplayResult",
    "Reset",
    "SignalResult",
    "SyncClient",
    "SyncWatch",
    "Synced",
    "Watch",
    "WatchMessage",
    "WatchUpdate",
]
