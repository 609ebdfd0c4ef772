"""IngestService over gRPC: every reply comes after the facts are on disk.

Stamps what arrives with the server's clock. Knows nothing of how facts are stored.
"""

import time

import grpc

from feedrank.server import replies, requests
from feedrank.serving.api import Service
from feedrank.types import Micros
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc


class IngestServicer(rpc.IngestServiceServicer):
    """Takes facts in."""

    def __init__(self, service: Service) -> None:
        self._store = service.store

    def UpsertItems(self, request: pb.UpsertItemsRequest, context: grpc.ServicerContext) -> pb.UpsertItemsResponse:
        result = requests.write_items(request.items, lambda items: self._store.append_items(items, _now()))
        return pb.UpsertItemsResponse(summary=replies.summary(result))

    def DeleteItems(self, request: pb.DeleteItemsRequest, context: grpc.ServicerContext) -> pb.DeleteItemsResponse:
        result = requests.write_ids(request.item_ids, lambda ids: self._store.delete_items(ids, _now()))
        return pb.DeleteItemsResponse(summary=replies.summary(result))

    def UpsertUsers(self, request: pb.UpsertUsersRequest, context: grpc.ServicerContext) -> pb.UpsertUsersResponse:
        result = requests.write_users(request.users, lambda users: self._store.append_users(users, _now()))
        return pb.UpsertUsersResponse(summary=replies.summary(result))

    def RecordEvents(self, request: pb.RecordEventsRequest, context: grpc.ServicerContext) -> pb.RecordEventsResponse:
        result = requests.write_events(request.events, lambda events: self._store.append_events(events, _now()))
        return pb.RecordEventsResponse(summary=replies.summary(result))


def _now() -> Micros:
    return time.time_ns() // 1000
