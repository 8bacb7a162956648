"""Robustness: what noise, music, laughter, wrong words, bad pictures and words out of time cost on films that the networks never saw.

`conditions` says what is tried, `sounds`, `words` and `pictures` do it, `disturbed` has the features made anew, `measure` has unseen films
read and scores them, `report` is what comes out.
"""
