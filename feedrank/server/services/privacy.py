"""PrivacyService over gRPC: forget, export, opt out.

Knows nothing of how a user's records are kept.
"""

import time
from collections.abc import Iterator

import grpc

from feedrank.server import replies, requests
from feedrank.serving.api import Service
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc


class PrivacyServicer(rpc.PrivacyServiceServicer):
    """What a user may ask about their own data."""

    def __init__(self, service: Service) -> None:
        self._store = service.store

    def EraseUser(self, request: pb.EraseUserRequest, context: grpc.ServicerContext) -> pb.EraseUserResponse:
        return replies.erasure(self._store.erase_user(requests.user_id(request.user_id), time.time_ns() // 1000))

    def ExportUser(
        self, request: pb.ExportUserRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ExportUserResponse]:
        yield from map(replies.exported, self._store.export_user(requests.user_id(request.user_id)))

    def SetPersonalization(
        self, request: pb.SetPersonalizationRequest, context: grpc.ServicerContext
    ) -> pb.SetPersonalizationResponse:
        user, chosen = requests.user_id(request.user_id), requests.choice(request.personalization)
        self._store.set_personalization(user, chosen, time.time_ns() // 1000)
        return pb.SetPersonalizationResponse()
