"""An encoder of BERT's kind so small that training it takes a second, in a folder as transformers writes it."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = ["good", "bad", "odd", "the", "a", "dog", "cat", "ran", "home", "now", "ross", "anna", "joey", ":", ".", "!", "?"]
WIDTH, HEADS, INNER, LAYERS = 16, 4, 32, 2


def write_encoder(folder: Path, seed: int = 3, places: int = 128) -> Path:
    """Write it into the folder `folder`, which is made."""
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import WordPiece

    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate([*MARKS, *WORDS])}
    tokens = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokens.save(str(folder / "tokenizer.json"))
    save_file(_weights(len(vocabulary), places, torch.Generator().manual_seed(seed)), folder / "model.safetensors")
    config = {"model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    config |= {"layer_norm_eps": 1e-12, "max_position_embeddings": places}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _weights(words: int, places: int, drawn: torch.Generator) -> dict[str, torch.Tensor]:
    square = {f"attention.{part}": (WIDTH, WIDTH) for part in ("self.query", "self.key", "self.value", "output.dense")}
    matrices = square | {"intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER)}
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (words, WIDTH),
        "embeddings.position_embeddings.weight": (places, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        for name, shape in matrices.items():
            shapes |= {f"encoder.layer.{layer}.{name}.weight": shape, f"encoder.layer.{layer}.{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"encoder.layer.{layer}.{name}.{part}": (WIDTH,) for part in ("weight", "bias")}
    numbers = {name: 0.3 * torch.randn(*shape, generator=drawn) for name, shape in shapes.items()}
    return {name: tensor + 1 if name.endswith("LayerNorm.weight") else tensor for name, tensor in numbers.items()}
