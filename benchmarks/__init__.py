"""`make bench`: the scorer compared with a JVM stream processor, a Python one and a plain loop, on one real broker."""
