"""Which of two models is better, and what a model does: statistics, off-policy estimates, reports."""
