"""What models are called: plain names, versions that sort by time, and NAME@VERSION.

Knows nothing of files.
"""

import re
from datetime import UTC, datetime

from feedrank.errors import InvalidInput
from feedrank.types import Micros

PRIOR = "prior"  # the scorer that needs no training; no model may take its name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}")


def is_name(text: str) -> bool:
    """True of a plain word."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """True of what `version_of` makes."""
    return _VERSION.fullmatch(text) is not None


def check_name(name: str) -> str:
    """The name itself if it is a plain word; InvalidInput otherwise, so that no name leaves the registry's folder."""
    if not is_name(name):
        raise InvalidInput(f"{name!r} is no name: use up to 64 letters, digits, '-' and '_', a letter or digit first")
    return name


def version_of(created_at: Micros, digest: str) -> str:
    """UTC to the microsecond, so that versions sort by time, and the first digits of the model's sum."""
    moment = datetime.fromtimestamp(created_at // 1_000_000, UTC).replace(microsecond=created_at % 1_000_000)
    return f"{moment:%Y%m%dT%H%M%S%f}-{digest[:8]}"


def split(reference: str) -> tuple[str, str]:
    """(NAME, VERSION) of NAME@VERSION; VERSION is "" where none is named."""
    name, _, version = reference.partition("@")
    return name, version
