"""Text and vectors: the encoder, the table and search index of one vector space, stories, and user interests.

Import the submodules: `encoder` is the only one that loads torch, and the process that answers Rank never imports it.
"""
