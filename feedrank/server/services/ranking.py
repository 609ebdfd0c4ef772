"""RankingService over gRPC.

Knows nothing of how feeds are made.
"""

import grpc

from feedrank.server import replies, requests
from feedrank.serving.api import Service
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc


class RankingServicer(rpc.RankingServiceServicer):
    """Orders a user's feed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def Rank(self, request: pb.RankRequest, context: grpc.ServicerContext) -> pb.RankResponse:
        return replies.feed(self._service.rank(requests.rank_call(request)))

    def SimilarItems(self, request: pb.SimilarItemsRequest, context: grpc.ServicerContext) -> pb.SimilarItemsResponse:
        return replies.similar(self._service.similar(*requests.similar_call(request)))

    def Debug(self, request: pb.DebugRequest, context: grpc.ServicerContext) -> pb.DebugResponse:
        return replies.debug(self._service.debug(*requests.debug_call(request)))
