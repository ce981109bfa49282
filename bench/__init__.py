"""Benchmarks: throughput, latency, memory and recovery, against a peer and against the limit in the same run."""
