"""The methods of xaic: one package a family, one module an algorithm."""
