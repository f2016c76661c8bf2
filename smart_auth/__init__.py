"""Sign-in: the SMART App Launch authorization server. Nothing is here yet.

What will live here: scopes, clients, keys, tokens and the steps of the authorization flow, turned into the
`Principal` that the core receives with each request. Until then the server runs only with `--open`,
without sign-in, on the loopback interface.

The core never imports this package: it takes an object that turns a request into a `Principal`.
Specification: https://hl7.org/fhir/smart-app-launch/
"""
