"""Signs that somebody may be in danger: deterministic rules in eleven languages, a classifier behind them, and any failure counts as danger.

`Watch.load()` once, then `assess` for each turn; `check_question` words what is asked where a sign is weak.
"""

from service.safety.distress.assess import Distress, Evidence, Level, Watch, assess, check_question
from service.safety.distress.rules import Kind, Strength

__all__ = ["Distress", "Evidence", "Kind", "Level", "Strength", "Watch", "assess", "check_question"]
