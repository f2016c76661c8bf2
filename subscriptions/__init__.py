"""Notifications of changes: FHIR Subscriptions. Nothing is here yet.

What will live here: topics and criteria, the log of committed changes, matching it against active
subscriptions under their owner's access, and delivery by rest-hook, websocket, email and message.

It will start from committed documents (`fhir_server.store`), so that no write has to remember to notify.
Specification: https://hl7.org/fhir/R4/subscription.html
"""
