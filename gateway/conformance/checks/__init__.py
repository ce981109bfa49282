"""The rules of conformance, one module per subject; ``gateway.conformance.table`` lists them."""
