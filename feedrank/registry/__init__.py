"""The model registry: versions in folders, aliases, and loading that verifies before it parses."""

from feedrank.registry.manifest import DataRange, Manifest
from feedrank.registry.registry import LoadedModel, Registry, Version

__all__ = ["DataRange", "LoadedModel", "Manifest", "Registry", "Version"]
