"""What a person must know about the assets: one module per kind of finding.

A finding in the business is a warning and never blocks or fails a run. Only a company that could not be
done at all fails the run, after everything else went on.
"""
