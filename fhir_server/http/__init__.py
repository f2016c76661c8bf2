"""Bytes ⇄ `FhirRequest` / `FhirResponse`: the ASGI front door of `/fhir`.

Steps: `limits` bounds size and time of the body, `parse` makes the request value, `interactions.dispatch` answers,
`negotiate` has chosen the format, `render` writes it. Nothing behind this package knows ASGI or Starlette.
Beside `/fhir`: `pages` answers, with `documentation` (the page of `/docs`), `openapi` and `health`.
"""
