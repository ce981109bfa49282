"""Reports: form 06a, the progress indicator, lists for the desk; each figure with what it was computed from."""
