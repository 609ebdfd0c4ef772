"""What a model version says of itself: features with fingerprints, how it was trained, and sums of its files.

Knows nothing of where versions are kept, nor of what a feature is: fingerprints come from the caller.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from feedrank.errors import RegistryError
from feedrank.types import Micros

FORMAT = 1
# (feature name, vector space) -> the fingerprint of the definition this code has, None if it has none.
FingerprintOf = Callable[[str, str], str | None]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class FeatureEntry(BaseModel):
    """One input column of a model, and the definition it was trained with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    fingerprint: Hex


class DataRange(BaseModel):
    """What a model was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Micros = 0
    until: Micros = 0
    impressions: int = 0
    rows: int = 0


class CalibrationTable(BaseModel):
    """Knots of the curve from margin to probability of a click."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    margins: tuple[float, ...]
    probabilities: tuple[float, ...]


class LinearYardstick(BaseModel):
    """A logistic regression on the same rows: what the ranker must beat. Its score is the sum over features of
    weight * (value - mean) / scale, nothing where the value is unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]


class Manifest(BaseModel):
    """A model version's manifest.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    name: str
    version: str
    created_at: Micros
    features: tuple[FeatureEntry, ...] = Field(min_length=1)
    space: str = ""  # the vector space its features read; "" for none
    counter_delay_s: float = 0.0
    data: DataRange = DataRange()
    metrics: dict[str, float] = {}
    params: dict[str, str | int | float | bool] = {}
    calibration: CalibrationTable | None = None  # None: margins say nothing of probabilities
    yardstick: LinearYardstick | None = None
    libraries: dict[str, str] = {}
    git_commit: str = ""
    notes: str = ""
    files: dict[str, Hex]  # sha256 by file name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Input columns in the model's order."""
        return tuple(feature.name for feature in self.features)


def feature_entries(names: Sequence[str], space: str, fingerprint_of: FingerprintOf) -> tuple[FeatureEntry, ...]:
    """Entries of features as this code defines them. RegistryError for a name it does not define."""
    entries = []
    for name in names:
        fingerprint = fingerprint_of(name, space)
        if fingerprint is None:
            raise RegistryError(f"feature {name!r} is not defined in this version of feedrank")
        entries.append(FeatureEntry(name=name, fingerprint=fingerprint))
    return tuple(entries)


def check_features(manifest: Manifest, where: str, fingerprint_of: FingerprintOf) -> None:
    """RegistryError unless this code still defines each feature exactly as the model was trained with."""
    for entry in manifest.features:
        fingerprint = fingerprint_of(entry.name, manifest.space)
        if fingerprint is None:
            raise RegistryError(f"{where}: it reads feature {entry.name!r}, which is not defined here; retrain it")
        if fingerprint != entry.fingerprint:
            raise RegistryError(f"{where}: the definition of feature {entry.name!r} has changed since; retrain it")
