"""Families: what goes in, what comes out, and the contract both obey."""
