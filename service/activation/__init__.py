"""What is active: following the store, activating, and what the administration may do."""
