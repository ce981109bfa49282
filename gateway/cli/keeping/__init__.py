"""``lienthong log``: erasing, encrypting, archiving."""
