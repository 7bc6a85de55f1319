"""Methods with a planted defect, to try the harness on: each must fail something. Never tried unless named.

They are no entry points and stand in no list: ``--method method_adapters.mutants.attribution:Negated`` names one.
"""
