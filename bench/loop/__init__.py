"""What a packet costs the loop, counted instead of timed."""
