"""What evaluation says when its inputs do not fit together."""


class EvaluationError(ValueError):
    """Drive, results, ground truth or output folder cannot be used; the message says why."""
