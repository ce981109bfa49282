"""Construction permits and planning information: official elements, codes, rules and answers (contract
``construction``)."""
