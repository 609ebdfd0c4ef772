"""Experiment definitions, and which variant a request is given."""
