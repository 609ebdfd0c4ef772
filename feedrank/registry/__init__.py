"""The model registry: versions in folders, aliases, and loading that verifies before it parses."""

from feedrank.registry.aliases import Change
from feedrank.registry.gate_record import Compared, GateRecord, GuardrailRecord
from feedrank.registry.manifest import CalibrationTable, DataRange, LinearYardstick, Manifest
from feedrank.registry.registry import LoadedModel, Measures, Registry, Version

__all__ = [
    "CalibrationTable",
    "Change",
    "Compared",
    "DataRange",
    "GateRecord",
    "GuardrailRecord",
    "LinearYardstick",
    "LoadedModel",
    "Manifest",
    "Measures",
    "Registry",
    "Version",
]
