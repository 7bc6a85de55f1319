"""Metrics: one module a property, each metric a pure function of sweeps with its declaration above it."""
