"""The paper's own claims, each beside what labelled faces show of it."""
