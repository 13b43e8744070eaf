"""What cannot be predicted, and why. Not here: how few buyers are too few, which is a setting."""


class PredictionError(Exception):
    """Nothing can be predicted from these purchases; the text says why in words that may be published."""
