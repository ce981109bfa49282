"""Keys and what is made with them."""
