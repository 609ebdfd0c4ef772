"""What a serving process keeps current: the view, the tail of the log, the model in force."""
