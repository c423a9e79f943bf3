"""Where documents and questions come from, one source a file."""
