"""The mirror of the published files in Firestore."""
