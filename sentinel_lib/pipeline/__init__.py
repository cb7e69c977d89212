"""Runs the stages in order and says how that ended. It handles notebooks and never sees a frame."""
