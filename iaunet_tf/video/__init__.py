"""From video to identities: frames, detections, tracks and the clips of people, each step a module."""
