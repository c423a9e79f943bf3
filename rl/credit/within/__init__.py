"""What estimators reckon within groups."""
