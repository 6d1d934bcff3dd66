"""The live page: what flows, how it is judged, and how well the services are."""
