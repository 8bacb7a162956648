"""Figures of any number of classes from probabilities and labels, for one seed and over several.

They are those of the validation report (`ml.evaluation.metrics`), here for sets with classes of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from corpus.statistics import jensen_shannon_bits, label_counts
from ml.evaluation import calibration, metrics
from ml.evaluation.benchmarks.result import BenchmarkResult, ClassScore, Metrics, Protocol
from ml.models.calibration import FloatArray, IntArray, log_softmax


def figures(logits: FloatArray, label: IntArray) -> Metrics:
    """All figures of one system on n items: `logits` (n, classes), gold `label` (n,). Macro figures are means over classes that occur."""
    logits = logits.astype(np.float64)
    n, classes = logits.shape
    log_p = log_softmax(logits)
    p, counts = np.exp(log_p), label_counts(label, logits.argmax(axis=1), classes, classes)
    return {
        "accuracy": float(metrics.accuracy(counts)),
        "uar": float(metrics.uar(counts)),
        "macro_f1": float(metrics.macro_f1(counts)),
        "weighted_f1": metrics.weighted_f1(counts),
        "ece": calibration.expected_calibration_error(p, label),
        "nll_nats": float(-log_p[np.arange(n), label].mean()),
        "brier": calibration.brier(p, label),
        "jsd_bits": float(jensen_shannon_bits(np.eye(classes)[label], p).mean()),
    }


def mean_and_spread(each: Sequence[Metrics]) -> tuple[Metrics, Metrics]:
    """Mean and standard deviation (of the sample; 0 for one seed) of each figure over seeds."""
    names = each[0].keys()
    table = np.array([[one[name] for name in names] for one in each])
    spread = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(len(each[0]))
    return dict(zip(names, table.mean(axis=0).tolist(), strict=True)), dict(zip(names, spread.tolist(), strict=True))


def by_class(logits: Sequence[FloatArray], label: IntArray, names: Sequence[str]) -> dict[str, ClassScore]:
    """Each class's figures as means over seeds; a class that is neither gold nor said counts 0."""
    counts = np.stack([label_counts(label, one.argmax(axis=1), len(names), len(names)) for one in logits])
    right = np.diagonal(counts, axis1=1, axis2=2)
    said, there = counts.sum(axis=1), counts.sum(axis=2)
    precision, recall, f1 = (
        np.divide(above, below, out=np.zeros_like(right), where=below > 0).mean(axis=0)
        for above, below in ((right, said), (right, there), (2 * right, said + there))
    )
    return {name: ClassScore(float(precision[i]), float(recall[i]), float(f1[i]), int(there[0, i])) for i, name in enumerate(names)}


def result_of(
    name: str,
    systems: Mapping[str, Sequence[FloatArray]],
    label: IntArray,
    protocol: Protocol,
    baselines: dict[str, Metrics],
    seconds: dict[str, float],
) -> BenchmarkResult:
    """The result from each system's calibrated logits (n, classes) by seed; the protocol's system is the one that counts."""
    figured = {system: mean_and_spread([figures(logits, label) for logits in each]) for system, each in systems.items()}
    metrics, spread = figured[protocol.system]
    return BenchmarkResult(
        benchmark=name,
        metrics=metrics,
        spread=spread,
        per_class=by_class(systems[protocol.system], label, protocol.classes),
        variants={system: means for system, (means, _) in figured.items() if system != protocol.system},
        baselines=baselines,
        protocol=protocol,
        seconds=seconds,
    )
