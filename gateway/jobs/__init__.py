"""Jobs: what is done on a schedule or on demand, one run of a job at a time, whatever the number of processes."""
