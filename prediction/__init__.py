"""Predicted purchases and their value: BG/NBD and Gamma-Gamma by greatest likelihood, on Arrow tables.

Here: the public names. Everything else in this package is private to it. It knows no warehouse and no orchestrator:
what a purchase is, whose it is and when a model is fitted is decided by whoever counts the purchases.
"""

from prediction.bgnbd import Parameters
from prediction.models import SHARE, Fit, Minimum, fit, predict

__all__ = ["SHARE", "Fit", "Minimum", "Parameters", "fit", "predict"]
