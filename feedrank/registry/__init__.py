"""The model registry: versions in folders, aliases, and loading that verifies before it parses."""

from feedrank.registry.manifest import CalibrationTable, DataRange, LinearYardstick, Manifest
from feedrank.registry.registry import LoadedModel, Measures, Registry, Version

__all__ = [
    "CalibrationTable",
    "DataRange",
    "LinearYardstick",
    "LoadedModel",
    "Manifest",
    "Measures",
    "Registry",
    "Version",
]
