"""Signs that somebody may be in danger: rules in eleven languages, a classifier behind them, and any failure counts as danger.

`Watch.load()` once, then `assess` for each turn; `check_question` words what is asked where a sign is weak.
"""

from service.safety.distress.rules import Kind, Strength
from service.safety.distress.watch import Distress, Evidence, Level, Watch, assess, check_question

__all__ = ["Distress", "Evidence", "Kind", "Level", "Strength", "Watch", "assess", "check_question"]
