"""``lienthong demo``: a province's dossiers reach the stand-in of the national portal, whatever breaks."""
