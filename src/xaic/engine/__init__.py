"""The engine: all model passes of metrics, made once, counted and kept."""
