"""The REST API of the gateway: ``/v1`` for the one-door system and operators, ``/in`` for partners' callbacks.

One table of routes (``gateway.api.table``) is the only declaration: the endpoints, the OpenAPI document and the page
for readers are generated from it. Invariants: whoever is not known is refused before anything is read; every refusal
is a problem document (RFC 9457); no answer ever shows a stack trace.
"""
