"""What is kept when some conditions are tried after others."""

import dataclasses

from ml.evaluation.findings import Interval
from ml.evaluation.robustness.report import ConditionScore, RobustnessReport


def report(*conditions: tuple[str, float, float], clean: float = 0.8) -> RobustnessReport:
    scores = [ConditionScore(name, dose, "dB", [], seconds) for name, dose, seconds in conditions]
    return RobustnessReport("v1", 0, 3, 60, {"fused": Interval(clean)}, {}, {}, scores, [])


def told(found: RobustnessReport) -> list[tuple[str, float, float]]:
    return [(one.disturbance, one.dose, one.seconds) for one in found.conditions]


def test_conditions_of_an_earlier_run_stay_in_their_order_and_what_was_tried_again_is_the_later() -> None:
    earlier = report(("noise", 10.0, 1.0), ("dark faces", 0.05, 1.0))
    later = report(("blurred faces", 2.0, 2.0), ("noise", 10.0, 2.0))
    assert told(later.beside(earlier)) == [("noise", 10.0, 2.0), ("blurred faces", 2.0, 2.0), ("dark faces", 0.05, 1.0)]


def test_nothing_is_kept_of_other_readings() -> None:
    later = report(("noise", 10.0, 2.0))
    for other in (report(("noise", 0.0, 1.0), clean=0.7), dataclasses.replace(report(("noise", 0.0, 1.0)), model_version="v0")):
        assert later.beside(other) == later
