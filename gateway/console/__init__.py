"""The console: server-rendered pages for operations staff and auditors, over the same functions as the API."""
