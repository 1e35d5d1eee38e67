"""The process: builds the stages, runs them and stops them."""
