"""RankingService over gRPC.

Knows nothing of how feeds are made.
"""

from dataclasses import replace

import grpc

from feedrank.server import replies, requests
from feedrank.server.admission import Admission
from feedrank.serving.api import Service
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc


class RankingServicer(rpc.RankingServiceServicer):
    """Orders a user's feed."""

    def __init__(self, service: Service, admission: Admission) -> None:
        self._service, self._admission = service, admission

    def Rank(self, request: pb.RankRequest, context: grpc.ServicerContext) -> pb.RankResponse:
        call = requests.rank_call(request)
        with self._admission.turn(context.time_remaining()) as hurried:
            begun = replace(call, hurried=hurried, arrived_s=self._admission.pool.arrived_s)
            return replies.feed(self._service.rank(begun))

    def SimilarItems(self, request: pb.SimilarItemsRequest, context: grpc.ServicerContext) -> pb.SimilarItemsResponse:
        return replies.similar(self._service.similar(*requests.similar_call(request)))

    def Debug(self, request: pb.DebugRequest, context: grpc.ServicerContext) -> pb.DebugResponse:
        return replies.debug(self._service.debug(*requests.debug_call(request)))
