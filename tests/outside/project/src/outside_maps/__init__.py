"""Explanation methods of somebody who uses xaic."""
