"""The audit of a ranker: what it shows beyond accuracy, which items and whom it neglects, and when that is an alarm."""
