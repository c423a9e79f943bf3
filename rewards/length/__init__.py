"""Length rewards, one method a file. Text and tokens in, numbers out."""
