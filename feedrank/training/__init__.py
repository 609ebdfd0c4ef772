"""From the log to a model: replay, labels, data sets, fit, evaluation."""
