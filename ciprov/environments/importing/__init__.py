"""Marathon definitions and Compose files to blueprints: texts in, one blueprint's text and findings out."""
