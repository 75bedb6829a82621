"""Who is seen in videos: from frames to identities."""
