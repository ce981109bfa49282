"""People's accounts: their passwords, and how they sign in and out."""
