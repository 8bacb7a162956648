"""Voices and faces while they are there: the last seconds of a microphone or camera, read again and again as a window of its own.

Nothing is written to disk, and nothing is kept but the window. A window is read by the same features and networks as an uploaded file, so
that the numbers are those that a file of the same sound or pictures would get.
"""
