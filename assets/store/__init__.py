"""Artifacts in a store that others reach too, and the home as a bounded cache of them."""
