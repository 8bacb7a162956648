"""The encoder: what it gives alone it gives in any company, whichever BERT it is."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import ml.features.text.encoder
from corpus.terms import FeelmError
from corpus.threads import one_torch_thread
from ml.features.text.bert import Bert, BertShape, WordTable
from ml.features.text.encoder import EXACT_UP_TO_TOKENS, _batches, encoder_facts, sentence_encoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", "run", "away", "!", "now"]
WIDTH, HEADS, INNER, LAYERS, PLACES = 16, 4, 32, 2, 40


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


@pytest.fixture
def minilm(need_weights):
    need_weights("minilm")
    return sentence_encoder()


def made_weights(first_position: int = 0, prefix: str = "") -> dict[str, torch.Tensor]:
    """Weights of a tiny BERT by transformers' names."""
    generator = torch.Generator().manual_seed(3)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.3

    weights = {
        "embeddings.word_embeddings.weight": numbers(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": numbers(PLACES + first_position, WIDTH),
        "embeddings.token_type_embeddings.weight": numbers(2, WIDTH),
        "embeddings.LayerNorm.weight": 1 + numbers(WIDTH),
        "embeddings.LayerNorm.bias": numbers(WIDTH),
    }
    shapes = {"attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH), "attention.self.value": (WIDTH, WIDTH)}
    shapes |= {"attention.output.dense": (WIDTH, WIDTH), "intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER)}
    for layer in range(LAYERS):
        for part, shape in shapes.items():
            weights |= {f"encoder.layer.{layer}.{part}.weight": numbers(*shape), f"encoder.layer.{layer}.{part}.bias": numbers(shape[0])}
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights |= {f"encoder.layer.{layer}.{part}.weight": 1 + numbers(WIDTH), f"encoder.layer.{layer}.{part}.bias": numbers(WIDTH)}
    return {prefix + name: tensor for name, tensor in weights.items()}


@pytest.fixture
def folder(tmp_path):
    """Write a made encoder as transformers and sentence-transformers do."""

    def write(family: str = "bert", **files: object):
        from tokenizers import Tokenizer, pre_tokenizers, processors
        from tokenizers.models import WordPiece

        home = tmp_path / family
        home.mkdir()
        tokens = Tokenizer(WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
        tokens.pre_tokenizer = pre_tokenizers.Whitespace()
        tokens.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        tokens.save(str(home / "tokenizer.json"))
        first = 2 if family == "roberta" else 0
        save_file(made_weights(first, f"{family}."), home / "model.safetensors")
        sizes = {"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_size": WIDTH, "layer_norm_eps": 1e-12}
        config = sizes | {"model_type": family, "max_position_embeddings": PLACES + first, "hidden_act": "gelu"}
        (home / "config.json").write_text(json.dumps(config | dict(files.pop("config", {}))), encoding="utf-8")
        for name, content in files.items():
            path = home / ("1_Pooling/config.json" if name == "pooling" else "config_sentence_transformers.json")
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
        return home

    return write


def by_torch(weights: dict[str, torch.Tensor], ids: list[int], pooling: str = "mean", first_position: int = 0) -> np.ndarray:
    """One sentence by torch's own transformer layers: the same mathematics, written by others."""
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    x = x + weights["embeddings.position_embeddings.weight"][first_position : first_position + len(ids)]
    norm = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]
    x = torch.nn.functional.layer_norm(x, (WIDTH,), *norm, 1e-12)[None]
    for number in range(LAYERS):
        own = {name.removeprefix(f"encoder.layer.{number}."): tensor for name, tensor in weights.items() if f"layer.{number}." in name}
        layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, 0.0, "gelu", 1e-12, batch_first=True)
        parts = ("query", "key", "value")
        names = {"self_attn.out_proj": "attention.output.dense", "linear1": "intermediate.dense", "linear2": "output.dense"}
        names |= {"norm1": "attention.output.LayerNorm", "norm2": "output.LayerNorm"}
        state = {f"{ours}.{kind}": own[f"{theirs}.{kind}"] for ours, theirs in names.items() for kind in ("weight", "bias")}
        state["self_attn.in_proj_weight"] = torch.cat([own[f"attention.self.{part}.weight"] for part in parts])
        state["self_attn.in_proj_bias"] = torch.cat([own[f"attention.self.{part}.bias"] for part in parts])
        layer.load_state_dict(state)
        x = layer(x)
    pooled = x[0].mean(0) if pooling == "mean" else x[0, 0]
    return torch.nn.functional.normalize(pooled, dim=0).detach().numpy()


def made_bert(number: torch.dtype = torch.float32) -> tuple[Bert, dict[str, torch.Tensor]]:
    weights = made_weights()
    taken = dict(weights)
    words = WordTable(taken.pop("embeddings.word_embeddings.weight"))
    return Bert(BertShape(LAYERS, HEADS, 1e-12, PLACES), taken, words, number), weights


def test_a_batch_of_all_lengths_is_what_torch_gives_one_by_one():
    network, weights = made_bert()
    rng = np.random.default_rng(1)
    sentences = sorted((rng.integers(4, len(WORDS), length).tolist() for length in (1, 2, 2, 5, 5, 5, 17, 40)), key=len)
    together = network.embed(sentences).numpy()
    assert np.allclose(together, np.stack([by_torch(weights, ids) for ids in sentences]), atol=1e-6)


def test_bfloat16_is_near_and_exact_is_nearer():
    network, weights = made_bert(torch.bfloat16)
    ids = [[2, 30, 31, 32, 3]]
    truth = by_torch(weights, ids[0])
    near, exact = (float((network.embed(ids, exact).numpy()[0] * truth).sum()) for exact in (False, True))
    assert 0.999 < near < exact <= 1 + 1e-6


def test_a_folder_is_an_encoder(folder):
    home = folder()
    encoder = sentence_encoder(str(home))
    found = encoder.encode(["run away !", "a", "run away !"])
    ids = [2, WORDS.index("run"), WORDS.index("away"), WORDS.index("!"), 3]
    assert encoder.width == encoder_facts(str(home)).width == WIDTH and found.shape == (3, WIDTH)
    assert float((found[0] * by_torch(made_weights(), ids)).sum()) > 0.9999 and (found[0] == found[2]).all()
    assert encoder.facts.reads("de") and encoder.facts.name == "bert"


def test_roberta_counts_places_after_its_padding_and_cls_pools_the_first(folder):
    home = folder("roberta", pooling={"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    truth = by_torch(made_weights(2), [2, WORDS.index("now"), 3], "cls", 2)
    assert float((sentence_encoder(str(home)).encode(["now"])[0] * truth).sum()) > 0.9999


def test_the_standard_prompt_of_a_folder_goes_before_every_text(folder):
    told = {"prompts": {"query": "run "}, "default_prompt_name": "query"}
    home = folder(prompts=told)
    truth = by_torch(made_weights(), [2, WORDS.index("run"), WORDS.index("away"), 3])
    assert float((sentence_encoder(str(home)).encode(["away"])[0] * truth).sum()) > 0.9999


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config": {"model_type": "t5"}}, "family 't5' cannot be read"),
        ({"config": {"hidden_act": "relu"}}, "activation 'relu'"),
        ({"pooling": {"pooling_mode_max_tokens": True}}, "pooled by 'max_tokens'"),
        ({"pooling": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}}, "pooled by 'cls_token and mean_tokens'"),
    ],
)
def test_another_kind_of_network_is_refused(folder, files, message):
    with pytest.raises(FeelmError, match=message):
        sentence_encoder(str(folder(**files)))


def test_an_unknown_encoder_names_the_known_ones(tmp_path):
    with pytest.raises(FeelmError, match="there is no encoder 'nonsense': it must be one of minilm, multilingual-e5, or a folder with"):
        encoder_facts("nonsense")
    with pytest.raises(FeelmError, match=r"it lacks model\.safetensors, tokenizer\.json, config\.json"):
        encoder_facts(str(tmp_path))


def test_batches_are_bounded_hold_every_row_once_and_keep_short_ones_apart():
    lengths = [int(length) for length in np.random.default_rng(0).integers(1, 60, 500)]
    batches = list(_batches(lengths, 128))
    assert sorted(row for rows in batches for row in rows) == list(range(500))
    for rows in batches:
        assert sum(lengths[row] for row in rows) <= 128 or len(rows) == 1
        assert len({lengths[row] <= EXACT_UP_TO_TOKENS for row in rows}) == 1
    assert list(_batches([], 128)) == []


def test_paraphrases_are_nearest(minilm):
    pairs = ["I am so happy today!", "What a wonderful day.", "Get out of my house!", "Leave this place now!", "He died.", "He is dead."]
    vectors = minilm.encode(pairs)
    likeness = vectors @ vectors.T - 2 * np.eye(6)
    assert likeness.argmax(1).tolist() == [1, 0, 3, 2, 5, 4]


def test_embedding_is_of_length_one_and_the_same_alone_as_in_a_batch(minilm):
    lines = [f"{'very ' * (i % 40)}long line {i}" for i in range(70)] + [""]
    together = minilm.encode(lines)
    assert together.dtype == np.float32 and np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([minilm.encode([line]) for line in lines[::10]])
    assert (alone * together[::10]).sum(1).min() > 0.99999
    assert minilm.encode(["word " * 2000]).shape == (1, 384) and minilm.encode([]).shape == (0, 384)


def test_bfloat16_stays_within_a_ten_thousandth_of_float32_on_short_and_long_lines(minilm, monkeypatch):
    if minilm.network.number is not torch.bfloat16:
        pytest.skip("this processor does not multiply bfloat16 by itself")
    monkeypatch.setattr(ml.features.text.encoder, "number_type", lambda device: torch.float32)
    exact = ml.features.text.encoder.sentence_encoder.__wrapped__("minilm")
    lines = ["Really.", "Thanks.", "No.", "Thank you.", "Hm.", "Okay.", "Come on!", "What you think ?", "Really?!", *[
        f"{'and then ' * (i % 30)}he said it {i} times" for i in range(30)
    ]]  # fmt: skip
    alone = np.concatenate([exact.encode([line]) for line in lines])
    assert (minilm.encode(lines) * alone).sum(1).min() >= 0.9999
