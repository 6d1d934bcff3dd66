"""`fraudstream archive`: the archive's views as tables, and its payments as CSV."""
