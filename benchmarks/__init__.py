"""Speed figures, measured on whatever machine runs them: `make bench`. Compare ratios, not seconds."""
