"""What others may ask of ciprov over HTTP."""
