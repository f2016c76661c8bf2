"""What hospitals do: the workflows on top of the FHIR server.

One package per workflow will live here (people, booking, billing, prescribing, notices, numbers), each of the same
three parts: `rules.py` (pure decisions), `guards.py` (the rules as guards of a commit), `operations.py` (`$` doors).
The server's core never imports this package; the composition root registers what is in it.

Now there is only `demo`: the generated demonstration hospital that a fresh installation starts with.
"""
