"""How a client's connections behave, above all how they retry.

gRPC itself retries, by the policy below: exponential back-off with jitter, within the call's deadline, throttled when
most calls fail. Every RPC may be repeated: rankings and events carry ids made before the first try, the rest is
idempotent by nature. Knows nothing of what is called.
"""

import json

DEFAULT_TARGET = "127.0.0.1:50051"
CONNECTIONS = (
    4  # each lands on one worker of the port, whichever the kernel picks: a single one would leave the others idle
)
ATTEMPTS = 5  # gRPC's own upper bound

_RETRY = {
    "maxAttempts": ATTEMPTS,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    # CANCELLED: by a server that stopped before it began the call. A caller's own cancellation is final.
    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
}
_SERVICE_CONFIG = {
    "methodConfig": [{"name": [{}], "retryPolicy": _RETRY}],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},  # below half of them retries cease, so that none pile up
}


def channel_options() -> list[tuple[str, str | int]]:
    """The options of one connection's channel."""
    return [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ("grpc.per_rpc_retry_buffer_size", 16 * 1024 * 1024),  # the largest request stays repeatable
        ("grpc.use_local_subchannel_pool", 1),  # else channels to one target share one connection
        ("grpc.max_receive_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    ]
