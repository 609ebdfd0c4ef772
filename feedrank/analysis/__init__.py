"""Which of two models is better: statistics, off-policy estimates, reports."""
