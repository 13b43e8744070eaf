"""Credit for orders that is fitted on many paths: Markov removal effects and Shapley values, on Arrow tables.

Here: the public names. Everything else in this package is private to it. It knows no warehouse and no orchestrator:
what a touch, a path or a month is, is decided by whoever counts the paths.
"""

from attribution.paths import MOST_CHANNELS, OTHER, AttributionError
from attribution.weights import MODELS, channel_weights

__all__ = ["MODELS", "MOST_CHANNELS", "OTHER", "AttributionError", "channel_weights"]
