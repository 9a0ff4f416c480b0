"""The pages, one module per subject; each brings its own addresses."""
