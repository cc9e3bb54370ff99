"""The changes, in order; a file that was ever released is never changed."""
