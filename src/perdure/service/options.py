"""The options of the gRPC server, each with its reason.

An option that the installed gRPC does not know is ignored without a word, so a test looks for every name
in its binary.
"""

from __future__ import annotations

from typing import Final

REQUEST_MAX_BYTES: Final = 4 << 20
RESPONSE_MAX_BYTES: Final = 16 << 20
CONNECTION_MAX_AGE_MS: Final = 30 * 60 * 1000
CONNECTION_AGE_GRACE_MS: Final = 30 * 1000

CHANNEL_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    # A second server on the same port must fail, not take half of the calls.
    ("grpc.so_reuseport", 0),
    # Clients may ping every 20 s; half of it leaves room for jitter, and equal values would strike.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A watcher that vanished without a word is found within 80 s.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Long-lived channels spread again over the replicas behind a balancer of connections.
    ("grpc.max_connection_age_ms", CONNECTION_MAX_AGE_MS),
    ("grpc.max_connection_age_grace_ms", CONNECTION_AGE_GRACE_MS),
    ("grpc.max_connection_idle_ms", 15 * 60 * 1000),
    ("grpc.max_receive_message_length", REQUEST_MAX_BYTES),
    ("grpc.max_send_message_length", RESPONSE_MAX_BYTES),
    # As many watches as a server takes, on one connection, leave room for the calls beside them.
    ("grpc.max_concurrent_streams", 2_000),
    # A write is done when its bytes have gone into this buffer of the connection, so a reader that does not read
    # holds up one message. Smaller values, and windows that are not probed for, changed nothing that was
    # measured: about 30 KiB for a watch that waits, and besides them the one message for a stalled one.
    ("grpc.http2.write_buffer_size", 64 << 10),
    ("grpc.max_metadata_size", 8 << 10),
    ("grpc.absolute_max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", 10_000),
)
"""How many calls run at once is no option here: gRPC's own counter would let watches lock out Cancel (F7)."""
