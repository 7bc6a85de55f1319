"""Calibration methods and their controls; every public module of this package is read."""
