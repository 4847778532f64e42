"""Edit the head of a person who talks in a video: pose, emotion, blink and speech, in full frame and in sync."""

__version__ = "0.1.0"
