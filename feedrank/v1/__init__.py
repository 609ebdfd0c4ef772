"""Stubs generated from protos/feedrank/v1 by `make proto`; never edited by hand."""
