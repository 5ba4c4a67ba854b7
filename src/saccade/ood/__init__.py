"""Out-of-distribution scores and their thresholds. Of every score, larger is less like the training data."""

from saccade.ood.choose import DetectorChoice, auroc, choose_detector
from saccade.ood.energy import energy
from saccade.ood.forest_arrays import ForestArrays, load_ood, save_ood
from saccade.ood.isolation_forest import fit_isolation_forest
from saccade.ood.outliers import generated_outliers
from saccade.ood.threshold import threshold_at_false_alarm_rate

__all__ = [
    "DetectorChoice",
    "ForestArrays",
    "auroc",
    "choose_detector",
    "energy",
    "fit_isolation_forest",
    "generated_outliers",
    "load_ood",
    "save_ood",
    "threshold_at_false_alarm_rate",
]
