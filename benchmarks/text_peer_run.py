"""Run by sentence-transformers' own Python: embed lines and write vectors and CPU seconds; knows nothing of the project.

`python text_peer_run.py MODEL_FOLDER LINES.json OUT.npz float32|bfloat16 BATCH`
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer


def main() -> None:
    """Load, warm up, embed once."""
    folder, lines, out, number, batch = sys.argv[1:]
    torch.set_num_threads(1)
    texts = json.loads(Path(lines).read_text(encoding="utf-8"))
    words = Transformer(folder, max_seq_length=256)
    model = SentenceTransformer(modules=[words, Pooling(words.get_word_embedding_dimension()), Normalize()], device="cpu")
    model = model.to(getattr(torch, number))
    model.encode(texts[:64], batch_size=int(batch))
    before = time.process_time()
    found = model.encode(texts, batch_size=int(batch), convert_to_numpy=True)
    seconds = time.process_time() - before
    np.savez(out, embedding=np.asarray(found, np.float32), seconds=seconds)


if __name__ == "__main__":
    main()
