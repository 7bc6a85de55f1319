"""Documents: what is written and read, each checked against its schema."""
