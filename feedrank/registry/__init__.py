"""The model registry: versions in folders, aliases, and loading that verifies before it parses."""

from feedrank.registry.aliases import Change
from feedrank.registry.gate_record import Compared, GateRecord, GuardrailRecord
from feedrank.registry.manifest import DataRange, Manifest
from feedrank.registry.registry import LoadedModel, Registry, Version

__all__ = [
    "Change",
    "Compared",
    "DataRange",
    "GateRecord",
    "GuardrailRecord",
    "LoadedModel",
    "Manifest",
    "Registry",
    "Version",
]
