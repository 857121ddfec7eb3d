"""The bundle, the file form of an anchor set: each part read bounded and checked, written whole or not at all."""
