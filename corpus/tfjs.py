"""Weights of TensorFlow.js models as torch tensors: a manifest that names them, and one file in which they lie one after another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from corpus.terms import FeelmError


def read_tfjs(shards: Path, manifest: Path) -> dict[str, Tensor]:
    """Tensors of a TensorFlow.js model by name, dequantised to float32 (uint8 value times scale plus minimum).

    `manifest` is its JSON: a list of groups of weights, or a model that holds one.
    """
    told = json.loads(manifest.read_text(encoding="utf-8"))
    (group,) = told["weightsManifest"] if isinstance(told, dict) else told
    content = shards.read_bytes()
    tensors: dict[str, Tensor] = {}
    offset = 0
    for entry in group["weights"]:
        quantisation = entry.get("quantization")
        dtype = np.dtype("<u1") if quantisation else np.dtype({"float32": "<f4", "int32": "<i4"}[entry["dtype"]])
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(content, dtype, count, offset).astype(np.float32).reshape(entry["shape"])
        offset += count * dtype.itemsize
        tensors[entry["name"]] = torch.from_numpy(values * quantisation["scale"] + quantisation["min"] if quantisation else values)
    if offset != len(content):
        raise FeelmError(f"{shards} holds {len(content)} bytes where {manifest.name} tells of {offset}: fetch its weight again")
    return tensors
