"""The emotions that made films show: those for which there is a face, a voice, words and a way to feel them."""

PLAYED = ("neutral", "joy", "anger", "fear", "sadness", "surprise", "disgust")
