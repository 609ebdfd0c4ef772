"""The metrics of all processes of `serve`, summed and published for Prometheus.

Knows nothing of what is measured.
"""

from pathlib import Path
from types import TracebackType

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from feedrank.errors import Conflict


class MetricsPage:
    """http://host:port/metrics over the value files in `directory`, which every child writes to."""

    def __init__(self, host: str, port: int, directory: Path) -> None:
        """Publishes from here on. Raises Conflict when the address cannot be bound."""
        self.directory = directory
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise Conflict(
                f"metrics port {port} on {host} cannot be bound ({error.strerror}); choose another with --metrics-port"
            ) from error
        self.port = self._server.server_port

    def forget(self, pid: int) -> None:
        """A process ended: its gauges no longer count; its counters do."""
        mark_process_dead(pid, str(self.directory))  # type: ignore[no-untyped-call]

    def __enter__(self) -> "MetricsPage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
