"""Emotion of a voice in a clip of its own: a linear reading of what a speech network hears, beside the measured voice."""
