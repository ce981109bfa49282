"""One module per subject: its pages, its actions and what they show."""
