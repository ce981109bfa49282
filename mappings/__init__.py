"""One folder of tables per partner, and one for the source systems. The only home of official Vietnamese names."""
