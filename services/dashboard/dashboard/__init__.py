"""Dashboard: live page of payments, their scores, and the state of the services."""
