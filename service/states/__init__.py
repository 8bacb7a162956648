"""Frustration, satisfaction, engagement and confusion: what is read from the course of emotions and from declared cues in the words."""
