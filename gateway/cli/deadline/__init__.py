"""``lienthong deadline``: dues and classes for programs, and the working calendar."""
