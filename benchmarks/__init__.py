"""`make bench`: the scorer beside a JVM stream processor, a Python one and a plain loop, on one real broker."""
