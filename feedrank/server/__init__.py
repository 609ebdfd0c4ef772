"""The gRPC edge: lifecycle, services, conversion, interceptors."""
