"""Model cards of runs, and the way of a run to the Hugging Face hub."""
