"""The path of a request: stage contracts, their executor, and the stages themselves."""
