"""Item vectors learned from what is read together, so that items without text can be compared and retrieved as well.

They are fitted offline, land in the log in a space of their own, and serve like any other vector: as plain products.
"""
