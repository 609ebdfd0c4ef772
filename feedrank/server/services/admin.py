"""AdminService over gRPC: models and status.

Knows nothing of the registry or of views.
"""

import grpc

from feedrank.server import replies, requests
from feedrank.serving.api import Service
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc


class AdminServicer(rpc.AdminServiceServicer):
    """What operators ask."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def ListModels(self, request: pb.ListModelsRequest, context: grpc.ServicerContext) -> pb.ListModelsResponse:
        return replies.models(self._service.models())

    def ActivateModel(
        self, request: pb.ActivateModelRequest, context: grpc.ServicerContext
    ) -> pb.ActivateModelResponse:
        return replies.activated(self._service.activate(requests.name("model", request.model)))

    def RollbackModel(
        self, request: pb.RollbackModelRequest, context: grpc.ServicerContext
    ) -> pb.RollbackModelResponse:
        return replies.rolled_back(self._service.rollback(requests.name("name", request.name)))

    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:
        return replies.status(self._service.status())
