"""Reports of one model, for people: the audit alone, or everything that is known of how it ranks."""
