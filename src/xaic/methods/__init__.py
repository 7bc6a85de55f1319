"""Methods: the interface, the short ways to write one, controls, discovery."""
