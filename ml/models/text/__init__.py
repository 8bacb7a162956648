"""Emotion of words in their dialogue: a sentence encoder fine-tuned on labelled lines, and the quick variant over frozen embeddings.

`turns` lays a line and its neighbours out as tokens, `network` reads them, `training` fine-tunes it in the common loop; `frozen` fits a
linear model on embeddings, words and cues in less than a minute.
"""
