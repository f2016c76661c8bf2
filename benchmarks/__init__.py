"""How fast, as ratios to a floor that is measured in the same run, in alternation.

`floors` are the bare handlers, `processes` starts and measures what runs, `wrk` makes the load, `compare` alternates;
one file per figure (`reads`, `creates`, `updates`, `bundles`, `loads`, `startup`, `workers`), `__main__` runs them.
Rule: any answer that is not 2xx fails the figure.
"""
