"""What can be said of counts and columns: estimates, their uncertainty, and tests."""
