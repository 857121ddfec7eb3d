"""The face-verification service: what runs behind ``ida-verify serve``."""
