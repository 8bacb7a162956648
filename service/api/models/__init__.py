"""What goes over the wire, typed: questions as they are checked, answers as they are told, each answer with the way back to its dataclass.

Probabilities are named by emotion here and stand in the order of EMOTIONS in the dataclasses. Text is checked to be text: a lone surrogate
is no character, and what holds one cannot be answered in UTF-8.
"""
