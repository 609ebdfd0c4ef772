"""One thin servicer for each service of the contract: convert in, call the domain, convert out."""
