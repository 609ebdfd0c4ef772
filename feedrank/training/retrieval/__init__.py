"""How well candidates are retrieved: recall of the next click, source by source and together, over the log as it came.

Ranking cannot mend what retrieval misses. Knows nothing of models or of scores beyond a source's own order.
"""
