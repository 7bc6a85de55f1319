"""What a family shows of itself in a report: one module a family. A family without one is reported all the same."""
